import Foundation
import QuireModel
import QuireTensors
import TestSupport
import Testing

private let logitTolerance: Float = 1e-3

/// The larger goldens beside the repository, where they are present.
@Suite struct SharedGoldenTests {
  static let variants =
    TestPaths.shared("golden").map { folder in
      TestPaths.folders(in: folder).map { GoldenVariant(folder: $0) }
    } ?? []

  @Test(.enabled(if: !variants.isEmpty), arguments: variants)
  func everyPromptAgrees(variant: GoldenVariant) throws {
    let model = try variant.model()
    let golden = variant.golden
    for name in golden.names where name.hasPrefix("ids.") {
      let prompt = String(name.dropFirst(4))
      let logits = model.logits(golden.int32s(name))
      let difference = largestDifference(logits, golden.floats("logits.\(prompt)"))
      #expect(difference <= logitTolerance, "\(prompt)")
    }
    let nll = model.meanNegativeLogLikelihood(golden.int32s("ids.long300"))
    #expect(abs(nll - golden.doubles("nll.long300")[0]) <= 1e-5)
  }

  @Test(.enabled(if: !variants.isEmpty), arguments: variants)
  func paddedBatchAgreesWithoutPadding(variant: GoldenVariant) throws {
    let model = try variant.model()
    let golden = variant.golden
    let vocabulary = model.configuration.vocabularySize
    let ids = golden.int32s("batch.ids")
    let mask = golden.int32s("batch.mask")
    let expected = golden.floats("batch.logits")
    let width = golden.shape("batch.ids")[1]
    for start in stride(from: 0, to: ids.count, by: width) {
      let length = mask[start..<start + width].count { $0 == 1 }
      let logits = model.logits(Array(ids[start..<start + length]))
      let golden = expected[start * vocabulary..<(start + length) * vocabulary]
      #expect(largestDifference(logits, golden) <= logitTolerance)
    }
  }

  @Test(.enabled(if: !variants.isEmpty), arguments: variants)
  func greedyTokensAgreeWhereRoundingCannotDecide(variant: GoldenVariant) throws {
    let model = try variant.model()
    let golden = variant.golden
    for prompt in ["chat", "short"] {
      let expected = golden.int32s("greedy.\(prompt)")
      let safe = golden.floats("greedy_margin.\(prompt)").prefix { $0 > 2 * logitTolerance }.count
      let tokens = model.greedy(golden.int32s("ids.\(prompt)"), count: expected.count)
      #expect(tokens.prefix(safe) == expected.prefix(safe))
    }
  }
}
