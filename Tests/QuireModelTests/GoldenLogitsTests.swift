import Foundation
import QuireCheckpoints
import QuireModel
import QuireTensors
import TestSupport
import Testing

/// Agreement with transformers in float32 that issue and design ask for.
private let logitTolerance: Float = 1e-3
/// Relative agreement of hidden states.
private let hiddenTolerance: Float = 1e-4

/// A checkpoint folder with goldens beside it.
struct GoldenVariant: CustomTestStringConvertible, Sendable {
  let folder: String
  var golden: GoldenFile { GoldenFile(path: folder + "/golden.safetensors") }
  var testDescription: String { folder.split(separator: "/").last.map(String.init) ?? folder }

  func model() throws -> Model { try Model(checkpoint: Checkpoint(path: folder)) }
}

@Suite struct GoldenLogitsTests {
  static let variants = TestPaths.folders(in: TestPaths.modelFixtures)
    .filter { name in !["/rope", "/quantized", "/eagle3"].contains { name.hasSuffix($0) } }
    .map { GoldenVariant(folder: $0) }

  @Test func theVariantsAreThere() {
    let names = Set(Self.variants.map(\.testDescription))
    #expect(
      names.isSuperset(of: [
        "base", "tied", "sharded", "gqa8_2", "mqa_hd128", "yarn", "odd_sizes", "fp16_file",
      ]))
  }

  @Test(arguments: variants)
  func promptsAgree(variant: GoldenVariant) throws {
    let model = try variant.model()
    let golden = variant.golden
    let vocabulary = model.configuration.vocabularySize
    for prompt in ["single", "short", "medium", "long"] {
      let logits = model.logits(golden.int32s("ids.\(prompt)"))
      let kept = golden.int32s("rows.\(prompt)").flatMap { row in
        logits[Int(row) * vocabulary..<(Int(row) + 1) * vocabulary]
      }
      let difference = largestDifference(kept, golden.floats("logits.\(prompt)"))
      #expect(difference <= logitTolerance, "\(prompt)")
    }
  }

  @Test(arguments: variants)
  func paddedBatchAgreesWithoutPadding(variant: GoldenVariant) throws {
    let model = try variant.model()
    let golden = variant.golden
    let vocabulary = model.configuration.vocabularySize
    let ids = golden.int32s("batch.ids")
    let mask = golden.int32s("batch.mask")
    let width = golden.shape("batch.ids")[1]
    // transformers pads on the right; here each sequence has the rows it needs, all in one batch.
    let prompts = stride(from: 0, to: ids.count, by: width).map { start in
      (start..<start + width).filter { mask[$0] == 1 }.map { ids[$0] }
    }
    let session = Session(
      model, sequenceCount: prompts.count, maximumPositions: width, maximumRows: ids.count,
      options: RunOptions())
    session.step(prompts.enumerated().map { ($0.offset, $0.element) })
    let rows = golden.int32s("batch.rows").map(Int.init)
    var kept: [Float] = []
    for index in stride(from: 0, to: rows.count, by: 2) {
      let (sequence, position) = (rows[index], rows[index + 1])
      kept += session.logits[sequence][position * vocabulary..<(position + 1) * vocabulary]
    }
    #expect(largestDifference(kept, golden.floats("batch.logits")) <= logitTolerance)
  }

  @Test(arguments: variants)
  func greedyTokensAgree(variant: GoldenVariant) throws {
    let model = try variant.model()
    let golden = variant.golden
    for prompt in ["short", "medium"] {
      let expected = golden.int32s("greedy.\(prompt)")
      #expect(model.greedy(golden.int32s("ids.\(prompt)"), count: expected.count) == expected)
    }
  }

  @Test(arguments: variants)
  func hiddenRowsAgree(variant: GoldenVariant) throws {
    let model = try variant.model()
    let golden = variant.golden
    let tokens = golden.int32s("ids.medium")
    let expected = golden.floats("hidden.medium")
    let kept = expected.count / (model.configuration.layerCount + 1)
    let cache = KeyValueCache(model.configuration, blockCount: 2, element: .float32)
    let pass = ForwardPass(
      model: model, cache: cache, compute: Compute(threadCount: 2), maximumRows: tokens.count)
    let batch = ForwardBatch(
      tokens: tokens, sequences: [.init(rowCount: tokens.count, firstPosition: 0, blocks: [1, 0])],
      logitRows: [])
    var seen = 0
    pass.run(batch) { layersDone, rows in
      seen += 1
      // The last golden row is taken after the final norm, which logits check.
      guard layersDone < model.configuration.layerCount else { return }
      let golden = expected[layersDone * kept..<(layersDone + 1) * kept]
      #expect(largestDifference(rows.suffix(kept), golden) <= hiddenTolerance)
    }
    #expect(seen == model.configuration.layerCount + 1)
  }

  @Test(arguments: variants)
  func likelihoodOfTheLongPromptAgrees(variant: GoldenVariant) throws {
    let model = try variant.model()
    let golden = variant.golden
    let tokens = golden.int32s("ids.long")
    let nll = model.meanNegativeLogLikelihood(tokens)
    #expect(abs(nll - golden.doubles("nll.long")[0]) <= 1e-5)
  }
}

extension Model {
  /// Mean negative log-likelihood of each token after the first.
  func meanNegativeLogLikelihood(_ tokens: [Int32]) -> Double {
    let logits = self.logits(tokens)
    let vocabulary = configuration.vocabularySize
    var total = 0.0
    for (position, next) in tokens.dropFirst().enumerated() {
      let row = logits[position * vocabulary..<(position + 1) * vocabulary].map(Double.init)
      let largest = row.max() ?? 0
      let sum = row.reduce(0) { $0 + exp($1 - largest) }
      total += log(sum) + largest - row[Int(next)]
    }
    return total / Double(tokens.count - 1)
  }
}
