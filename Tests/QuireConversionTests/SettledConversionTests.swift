import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuireCalibration
import QuireConversion
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

/// Conversions that survey the model before they know what to do.
@Suite struct SettledConversionTests {
  private let bench = CalibratedConversion()

  private func budget(_ limit: BudgetLimit, _ method: QuantizationMethod = .nearest) -> RecipeStep {
    .budget(
      BudgetSettings(
        limit: limit, choices: [.int4(group: 64), .int4(group: 32), .int8()],
        quantization: QuantizationSettings(
          target: .int4(group: 64), method: method,
          overrides: [QuantizationOverride(pattern: "0.self_attn.v_proj", target: .int8(group: 32))])))
  }

  /// A checkpoint wide enough for groups to weigh less than panels.
  private func writeCheckpoint(layers: Int = 3) {
    TinyCheckpoint(layerCount: layers, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
  }

  @Test(arguments: [QuantizationMethod.nearest, .gptq])
  func aBudgetIsMetAndBeatsTheSmallest(method: QuantizationMethod) throws {
    writeCheckpoint()
    let bits = 6.0
    let report = try bench.convert([budget(.bitsPerWeight(bits), method)])
    let row = report.rows[1]
    #expect(row.bitsPerWeight <= bits && row.bitsPerWeight > bits - 0.3)
    let decision = try #require(row.decision)
    #expect(decision.choices.count == 2 + 3 * 7 - 1)
    #expect(Set(decision.choices.map(\.format)).count > 1)
    let formats = Dictionary(uniqueKeysWithValues: row.rounding.map { ($0.tensor, $0.format) })
    for choice in decision.choices { #expect(formats[choice.tensor] == choice.format) }
    #expect(formats[.layer(0, .valueProjection)] == .int8(group: 32))
    #expect(row.json["choices"]?.objectValue?.keys.count == decision.choices.count)
    #expect(row.json["predictedKL"]?.doubleValue == decision.divergence)

    let reference = try bench.logits(Model(checkpoint: .init(path: bench.folder.path)))
    func distance(_ other: [Float]) -> Float {
      zip(reference, other).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    let found = distance(try bench.packedLogits())
    try bench.convert([.quantize(QuantizationSettings(target: .int4(group: 64), method: method))])
    #expect(found < distance(try bench.packedLogits()))
  }

  /// Tied embeddings are read at both ends, and harm at both.
  @Test func aTiedEmbeddingIsTriedAsTheHeadToo() throws {
    func divergence(tied: Bool) throws -> Double {
      TinyCheckpoint(layerCount: 1, tiesEmbeddings: tied).write(to: bench.folder)
      let survey = try bench.converter(bench.recipe([budget(.bitsPerWeight(6))])).surveyOfEverything()
      let embedding = try #require(survey.sensitivities.first)
      #expect(embedding.tensor == .embedding)
      #expect(survey.sensitivities.contains { $0.tensor == .head } == !tied)
      return embedding.options[0].divergence
    }
    #expect(try divergence(tied: true) > 0 && divergence(tied: false) > 0)
    try bench.convert([budget(.bitsPerWeight(6))])
  }

  @Test func aSmallerLimitOfDivergenceTakesMoreBytes() throws {
    writeCheckpoint(layers: 2)
    let recipe = bench.recipe([budget(.divergence(1))])
    let converter = try bench.converter(recipe)
    #expect(!converter.isSettled)
    let survey = try converter.surveyOfEverything()
    let largest = survey.sensitivities.reduce(0) { $0 + $1.options[0].divergence }
    var sizes: [Int] = []
    for share in [1.0, 0.3, 0.1] {
      let settled = try bench.converter(bench.recipe([budget(.divergence(share * largest))])).settled(
        by: survey)
      #expect(settled.isSettled)
      sizes.append(settled.plan.result.byteCount)
    }
    #expect(sizes[0] < sizes[1] && sizes[1] < sizes[2])
    #expect(survey.sensitivities.allSatisfy { $0.options.first!.divergence > $0.options.last!.divergence })
    #expect(survey.text.contains("model.layers.1.mlp.down_proj.weight"))
  }

  @Test func limitsThatCannotBeMet() throws {
    writeCheckpoint(layers: 1)
    func refusal(_ limit: BudgetLimit) throws -> String? {
      let path = bench.output
      let error = #expect(throws: ConversionError.self) {
        try bench.convert([budget(limit)])
      }
      #expect(!FileManager.default.fileExists(atPath: path))
      return error?.description
    }
    #expect(
      try refusal(.bytes(1000))?.hasSuffix("found 1000 bytes; raise it, or add a smaller choice") == true)
    let divergence = try #require(try refusal(.divergence(1e-12)))
    #expect(
      divergence.contains(
        /^expected a KL divergence of at most 1e-12, but the best .* cost [0-9]\.[0-9]{2}e-?[0-9]+; raise/),
      "\(divergence)")
  }

  @Test func sharesAreSpreadOverTheLayers() throws {
    writeCheckpoint()
    let report = try bench.convert([
      .pruneHeads(.init(unit: .queryHead, removal: .share(0.25))),
      .pruneNeurons(.init(group: 32, removal: .share(0.25))),
    ])
    let layers = report.configuration.layers
    // A quarter of 18 heads and of 12 groups of channels.
    #expect(layers.reduce(0) { $0 + $1.queryHeadCount } == 18 - 5)
    #expect(layers.reduce(0) { $0 + $1.intermediateSize } == 3 * 128 - 3 * 32)
    #expect(report.rows[2].json["layers"]?.arrayValue?.first?["mlpError"]?.doubleValue != nil)
    let areFinite = try bench.packedLogits().allSatisfy { $0.isFinite }
    // More than half of the channels.
    let narrow = try bench.convert([.pruneNeurons(.init(group: 32, removal: .share(0.7)))])
    #expect(narrow.configuration.layers.reduce(0) { $0 + $1.intermediateSize } == 3 * 128 - 8 * 32)
    #expect(areFinite)
  }

  @Test func neuronsGoSilentFirst() throws {
    writeCheckpoint(layers: 2)
    func error(_ repairs: Bool) throws -> Float {
      try bench.convert([.pruneNeurons(.init(group: 32, removal: .uniform(32), repairs: repairs))])
      let reference = try bench.logits(Model(checkpoint: .init(path: bench.folder.path)))
      return zip(reference, try bench.packedLogits()).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    #expect(try error(true) < error(false))
  }

  @Test func trialsDecideNearTies() throws {
    writeCheckpoint(layers: 2)
    let step = RecipeStep.pruneHeads(.init(unit: .queryHead, removal: .uniform(1), tries: true))
    let converter = try bench.converter(bench.recipe([step]))
    let survey = try converter.survey(forPack: bench.output)
    let table = try #require(survey.pruning[0])
    let report = try converter.run(output: bench.output)
    for (layer, found) in table.layers.enumerated() {
      let least = try #require(found.scores.map(\.relativeError).min())
      let near = found.scores.indices.filter { found.scores[$0].relativeError <= 2 * least }
      #expect(Set(found.trials.keys) == (near.count > 1 ? Set(near) : []))
      let winner =
        found.trials.min { $0.value < $1.value }?.key
        ?? found.scores.indices.first { found.scores[$0].relativeError == least }
      #expect(report.rows[1].pruning[layer]?.removed == [found.scores[try #require(winner)].block])
    }
  }

  @Test func equalInputsGiveEqualBytes() throws {
    writeCheckpoint(layers: 2)
    let steps: [RecipeStep] = [
      .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1), tries: true)),
      .pruneNeurons(.init(group: 32, removal: .errorBudget(0.1))), .smooth(.init(method: .awq)),
      budget(.bitsPerWeight(6), .gptq),
    ]
    let first = bench.folder.path + "/first.quire"
    try bench.convert(steps, threads: 1, to: first)
    try bench.convert(steps, threads: 2)
    #expect(FileManager.default.contents(atPath: first) == FileManager.default.contents(atPath: bench.output))
  }

  @Test func thePlanTellsWhatASurveyTakes() throws {
    writeCheckpoint(layers: 2)
    let plan = try bench.converter(bench.recipe([budget(.bitsPerWeight(6), .gptq)])).plan.text
    // Seven matrices in two layers, embedding and head; eight windows of 96 tokens.
    #expect(plan.contains("survey: before the conversion 768 tokens run through the unchanged model"))
    #expect(plan.contains("up to 16 changes are tried on 768 tokens; "))
    let other = try bench.converter(bench.recipe([.quantize(.init(target: .int4(group: 64)))])).plan.text
    #expect(!other.contains("survey"))
  }

  /// What is left is counted down to nothing, by parts that add up.
  @Test func theSurveyReportsAllOfItsWork() throws {
    writeCheckpoint(layers: 2)
    var shares: [Double] = []
    _ = try bench.converter(bench.recipe([.smooth(.init(method: .awq)), budget(.bitsPerWeight(6), .gptq)]))
      .surveyOfEverything { shares.append(Double($1) / Double($2)) }
    #expect(shares == shares.sorted() && shares.first == 0 && shares.last == 1)
    #expect(shares.count > 2 * 7)
  }

  /// The evaluator measures a recipe's beginnings: smoothing there prepares for what a budget will decide.
  @Test func theBeginningOfARecipeLooksAhead() throws {
    writeCheckpoint(layers: 2)
    let report = try bench.convert(
      [.smooth(.init(method: .awq))], upcoming: [budget(.bitsPerWeight(6))])
    #expect(report.rows.map(\.step) == ["checkpoint", "smooth"])
  }
}
