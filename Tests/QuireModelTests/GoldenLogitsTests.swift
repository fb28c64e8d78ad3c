import Foundation
import QuireJSON
import QuireModel
import QuireTensors
import TestSupport
import Testing

/// Agreement with transformers in float32 that issue and design ask for.
private let logitTolerance: Float = 1e-3
/// Relative agreement of hidden rows.
private let hiddenTolerance: Float = 1e-4

/// A checkpoint folder with goldens beside it.
struct GoldenVariant: CustomTestStringConvertible, Sendable {
  let folder: String
  var golden: GoldenFile { GoldenFile(path: folder + "/golden.safetensors") }
  var testDescription: String { folder.split(separator: "/").last.map(String.init) ?? folder }

  func model() throws -> Model {
    let data = try #require(FileManager.default.contents(atPath: folder + "/config.json"))
    let configuration = try ModelConfiguration(json: JSONValue.parse([UInt8](data)))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let files = names.filter { $0.hasPrefix("model") && $0.hasSuffix(".safetensors") }
    return try Model(
      configuration: configuration,
      source: ArrayWeights(files: files.map { GoldenFile(path: folder + "/" + $0) }))
  }
}

@Suite struct GoldenLogitsTests {
  static let variants = TestPaths.folders(in: TestPaths.modelFixtures)
    .filter { !$0.hasSuffix("/rope") }.map { GoldenVariant(folder: $0) }

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
}
