import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuireCalibration
import QuireConversion
import QuireOptimization
import QuirePacks
import QuireTensors
import QuireText
import TestSupport
import Testing

/// Statistics that are collected once and used again, against those of a run of the same text.
@Suite struct StatisticsTests {
  private let bench = CalibratedConversion()
  private var path: String { bench.folder.path + "/s.safetensors" }

  private func writeCheckpoint(layers: Int = 2) {
    TinyCheckpoint(layerCount: layers, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
  }

  private func loader() throws -> LayerLoader { try LayerLoader(Checkpoint(path: bench.folder.path)) }

  @discardableResult
  private func collect(_ recipe: Recipe? = nil, to path: String? = nil, threads: Int = 2) throws -> String {
    let collector = try StatisticsCollector(
      Checkpoint(path: bench.folder.path), (recipe ?? bench.recipe([])).calibration,
      relativeTo: bench.folder.path + "/", compute: Compute(threadCount: threads), toolVersion: "test")
    #expect(try collector.run(output: path ?? self.path) == [])
    return path ?? self.path
  }

  private func reading(_ steps: [RecipeStep], _ path: String) -> Recipe {
    let recipe = bench.recipe(steps)
    var settings = recipe.calibration
    settings.statistics = path
    return recipe.replacingCalibration(settings)
  }

  /// The windows of the bench's recipe in front of the first layer.
  private func run() throws -> CalibrationRun {
    let loader = try loader()
    let set = try CalibrationSet(
      bench.recipe([]).calibration, relativeTo: bench.folder.path + "/", checkpointFolder: bench.folder.path,
      configuration: loader.configuration,
      tokenizer: .init(folder: bench.folder.path))
    return try CalibrationRun(
      set, embedding: loader.embedding(of: loader.configuration), configuration: loader.configuration,
      compute: bench.compute)
  }

  private func values(_ gram: GramMatrix?) throws -> [Float] { Array(try #require(gram).values.buffer) }

  /// The largest difference of two matrices, each entry as a share of its row's and column's loudness.
  private func difference(_ found: GramMatrix, _ expected: GramMatrix) throws -> Float {
    try #require(found.order == expected.order)
    let loudness = expected.diagonal.map { max($0, 1e-20).squareRoot() }
    var largest: Float = 0
    for row in 0..<expected.order {
      for column in 0..<expected.order {
        let gap = abs(found.view[row, column] - expected.view[row, column])
        largest = max(largest, gap / (loudness[row] * loudness[column]))
      }
    }
    let (one, other) = (try #require(found.magnitudes), try #require(expected.magnitudes))
    for (a, b) in zip(one.means + one.maxima, other.means + other.maxima) {
      largest = max(largest, abs(a - b) / max(b, 1e-20))
    }
    return largest
  }

  @Test(arguments: [1, 2])
  func aFileHoldsTheBitsOfARun(threads: Int) throws {
    writeCheckpoint()
    let file = try StatisticsFile(path: collect(threads: threads))
    #expect(file.origin.texts.map(\.source) == ["calibration.txt"] && file.origin.tokenCount == 8 * 96)
    let (run, loader) = (try run(), try loader())
    try file.check(belongsTo: loader)
    for index in 0..<2 {
      let layer = try loader.layer(index)
      #expect(Float(try run.meanSquare()) == Float(try file.layer(index).meanSquare()))
      let expected = try run.grams(at: ActivationSite.allCases, of: layer)
      let found = try file.layer(index).grams(at: ActivationSite.allCases, of: layer)
      for site in ActivationSite.allCases {
        #expect(try values(found[site]) == values(expected[site]), "\(site)")
        #expect(found[site]?.magnitudes == expected[site]?.magnitudes, "\(site)")
      }
      try run.advance(through: layer)
    }
  }

  @Test func twoHalvesMakeAWhole() throws {
    writeCheckpoint()
    let lines = (0..<8).map { line in
      "{\"text\": \"" + String(repeating: "line \(line) says \(line * line), ", count: 20) + "\"}"
    }
    // Every line fills a window.
    func part(_ lines: some Sequence<String>, _ name: String, windows: Int) throws -> String {
      bench.folder.write(lines.joined(separator: "\n").utf8, to: name + ".jsonl")
      let settings = CalibrationSettings(
        source: .file(name + ".jsonl"), windowCount: windows, windowTokens: 96, seed: 1)
      return try collect(
        bench.recipe([]).replacingCalibration(settings), to: bench.folder.path + "/" + name + ".safetensors")
    }
    let merger = try StatisticsMerger(paths: [
      part(lines[..<3], "a", windows: 3), part(lines[3...], "b", windows: 5),
    ])
    #expect(merger.notes == [])
    try merger.run(output: path, toolVersion: "test")
    let merged = try StatisticsFile(path: path)
    let whole = try StatisticsFile(path: part(lines, "whole", windows: 8))
    #expect(
      merged.origin.tokenCount == 8 * 96 && merged.origin.texts.map(\.source) == ["a.jsonl", "b.jsonl"])
    let layer = try loader().layer(0)
    for index in 0..<2 {
      for site in ActivationSite.allCases {
        let found = try merged.layer(index).gram(at: site, of: layer)
        #expect(try difference(found, whole.layer(index).gram(at: site, of: layer)) < 1e-5, "\(site)")
      }
    }
    // A text that is there twice counts as it would in one run, and is told.
    let twice = try StatisticsMerger(paths: [path, part(lines[..<3], "a", windows: 3)])
    #expect(
      twice.notes == [
        "3 windows of a.jsonl, 288 tokens, seed 1, are there twice and count double; merge each file once"
      ])
  }

  /// Where what a matrix reads does not depend on what was rounded before it, a file must give the same codes.
  @Test(arguments: ["(q|k|v)_proj", "o_proj", "(gate|up)_proj", "down_proj"])
  func gptqOnAnUnmodifiedPrefixIsTheSame(_ rounded: String) throws {
    writeCheckpoint(layers: 1)
    let others = ["q", "k", "v", "o", "gate", "up", "down"].map { $0 + "_proj" }
      .filter { $0.wholeMatch(of: try! Regex(rounded)) == nil }
    let settings = QuantizationSettings(
      target: .int4(group: 32), method: .gptq, scaleSearch: .activations,
      overrides: [
        .init(pattern: (others + ["embed", "lm_head"]).joined(separator: "|"), target: .bf16)
      ])
    try bench.convert([.quantize(settings)])
    let expected = try bench.packedLogits()
    let report = try bench.converter(reading([.quantize(settings)], collect())).run(output: bench.output)
    #expect(try bench.packedLogits() == expected)
    #expect(report.rows.last?.rounding.allSatisfy { $0.method == .gptq } == true)
    let pack = try PackReader(path: bench.output)
    let calibration = pack.manifest.calibration
    #expect(calibration?["source"] == "statistics" && calibration?["tokens"] == .int(8 * 96))
    #expect(calibration?["texts"]?.arrayValue?.first?["source"] == "calibration.txt")
  }

  @Test func foldedStatisticsAreThoseOfTheFoldedLayer() throws {
    writeCheckpoint()
    let (file, run, layer) = (try StatisticsFile(path: collect()), try run(), try loader().layer(0))
    let followed = file.layer(0)
    var folded = layer
    var generator = SeededGenerator(seed: 3)
    for site in ActivationSite.allCases {
      // Query heads of a KV group read the same values, which take their scales.
      let count = site == .attentionOutput ? 3 * 32 : site == .mlpOutput ? 128 : 64
      let scales = layer.foldable(generator.gaussians(count, scale: 0.5).map { exp($0) }, at: site)
      folded.fold(scales, at: site, headSize: 32, bench.compute)
      let inputs =
        site == .attentionOutput
        ? layer.shape.keyValueHeadOfQueryHead.flatMap { Array(scales[($0 * 32)..<($0 * 32 + 32)]) } : scales
      followed.follow(.divided(by: inputs), at: site)
    }
    for site in ActivationSite.allCases {
      let expected = try run.gram(at: site, of: folded)
      #expect(try difference(followed.gram(at: site, of: folded), expected) < 1e-4, "\(site)")
      #expect(try difference(file.layer(0).gram(at: site, of: layer), expected) > 0.1, "\(site)")
    }
  }

  @Test func prunedStatisticsAreThoseOfThePrunedLayer() throws {
    writeCheckpoint()
    let (file, run, layer) = (try StatisticsFile(path: collect()), try run(), try loader().layer(0))
    let followed = file.layer(0)
    let gram = try run.gram(at: .attentionOutput, of: layer)
    let pruning = HeadPruning(unit: .queryHead, shape: layer.shape, headSize: 32)
    let output = layer.outputProjection.dequantized(kernels: bench.compute.kernels)
    let found = pruning.run(
      removing: 2, outputProjection: MatrixView(output, rows: 64, columns: 192), gram: gram.view)
    let result = try #require(found).result
    let heads = pruning.columns(ofQueryHeads: result.keptQueryHeads)
    let neurons = (0..<128).filter { $0 % 3 != 1 }
    // What the smaller matrices hold does not change what they read.
    func zeros(_ columns: Int) -> WeightMatrix {
      .dense(DenseMatrix(rows: 64, columns: columns, values: HostBuffer(count: 64 * columns)))
    }
    let heady = layer.keepingHeads(of: result, headSize: 32, outputProjection: zeros(heads.count))
    followed.follow(.kept(heads), at: .attentionOutput)
    // OpenBLAS may sum a smaller matrix in another order.
    let smaller = try run.gram(at: .attentionOutput, of: heady)
    #expect(try difference(followed.gram(at: .attentionOutput, of: heady), smaller) < 1e-5)
    let narrow = layer.keepingNeurons(neurons, downProjection: zeros(neurons.count))
    followed.follow(.kept(neurons), at: .mlpOutput)
    followed.follow(.divided(by: neurons.map { Float($0 + 1) }), at: .mlpOutput)
    followed.follow(.kept([0, 5]), at: .mlpOutput)
    followed.follow(.divided(by: [1 / Float(neurons[0] + 1), 1 / Float(neurons[5] + 1)]), at: .mlpOutput)
    let expected = try run.gram(at: .mlpOutput, of: narrow)
    let left = try followed.gram(at: .mlpOutput, of: narrow)
    #expect(left.order == 2 && abs(left.view[0, 1] / expected.view[0, 5] - 1) < 1e-5)
    let maxima = try #require(expected.magnitudes).maxima
    #expect(abs(try #require(left.magnitudes).maxima[1] / maxima[5] - 1) < 1e-5)
  }

  /// Moments for a refit are sums over tokens in which prompts count a tenth.
  @Test func promptsCountATenthInMoments() throws {
    writeCheckpoint()
    let (loader, layer) = (try loader(), try loader().layer(0))
    let texts: [[Int32]] = [[1, 2, 3, 4, 5, 6], [9, 8, 7, 6, 5]]
    func moments(_ windows: [CalibrationSet.Window]) throws -> StreamMoments {
      let embedding = try loader.embedding(of: loader.configuration)
      let run = try CalibrationRun(
        CalibrationSet(windows: windows, sourceName: "test"), embedding: embedding,
        unprunedEmbedding: embedding, configuration: loader.configuration, compute: bench.compute)
      return try run.moments(at: .attentionOutput, of: layer, original: layer)
    }
    // Sequences do not attend to each other.
    let parts = try texts.map { try moments([.init(sequences: [$0])]) }
    let both = try moments([.init(sequences: texts, promptCounts: [0, 5])])
    let apart = try moments(texts.enumerated().map { .init(sequences: [$1], promptCounts: [5 * $0]) })
    for found in [both, apart] {
      let (cross, crosses) = (try #require(found.cross), try parts.map { try #require($0.cross) })
      for (sum, first, second) in [
        (found.gram.view, parts[0].gram.view, parts[1].gram.view), (cross, crosses[0], crosses[1]),
      ] {
        for row in 0..<sum.rows {
          for column in 0..<sum.columns {
            let expected = (6 * first[row, column] + 0.5 * second[row, column]) / 6.5
            #expect(abs(sum[row, column] - expected) < 1e-4 * max(1, abs(expected)))
          }
        }
      }
    }
  }

  @Test func everyStepWorksFromAFile() throws {
    writeCheckpoint()
    let steps: [RecipeStep] = [
      .pruneHeads(.init(unit: .queryHead, removal: .uniform(1))),
      .pruneHeads(.init(unit: .queryHead, removal: .uniform(1))),
      .pruneNeurons(.init(group: 32, removal: .errorBudget(0.05))), .smooth(.init(method: .awq)),
      .budget(
        .init(
          limit: .bitsPerWeight(8), choices: [.int4(group: 32), .int8()],
          quantization: .init(target: .int4(group: 32), method: .gptq, scaleSearch: .activations))),
    ]
    let recipe = reading(steps, try collect())
    let report = try bench.converter(recipe).run(output: bench.output)
    #expect(report.configuration.layers.allSatisfy { $0.queryHeadCount == 4 })
    let areFinite = try bench.packedLogits().allSatisfy { $0.isFinite }
    #expect(areFinite)
    #expect(try bench.converter(recipe).plan.text.contains("statistics: those of the unmodified model in "))
    // What needs no trial needs no text either.
    var settings = recipe.calibration
    settings.source = .file("absent.txt")
    let shortened = Recipe(name: "test", steps: Array(steps[..<3]), folder: bench.folder.path + "/")
      .replacingCalibration(settings)
    _ = try bench.converter(shortened).run(output: bench.output)
  }

  /// What the survey reads from a file is what it would measure.
  @Test func aSurveyFromAFileIsTheSame() throws {
    writeCheckpoint()
    let steps: [RecipeStep] = [
      .pruneHeads(.init(unit: .queryHead, removal: .uniform(1), tries: true)),
      .pruneNeurons(.init(group: 32, removal: .errorBudget(0.1))),
    ]
    let measured = try bench.converter(bench.recipe(steps)).surveyOfEverything()
    let read = try bench.converter(reading(steps, collect())).surveyOfEverything()
    for index in 0..<2 {
      let (one, other) = (try #require(measured.pruning[index]), try #require(read.pruning[index]))
      for (a, b) in zip(one.layers, other.layers) {
        #expect(a.scores == b.scores && a.steps == b.steps && a.trials == b.trials)
        #expect(abs(a.magnitude / b.magnitude - 1) < 1e-6)
      }
    }
  }
}
