import Foundation
import FuzzParsers
import TestSupport
import Testing

/// Inputs that found faults once, and some of every kind: each parser survives them, and what they mutate to.
@Suite struct CorpusTests {
  static let folder = TestPaths.repository + "/Tests/Corpus"

  static func inputs(of parser: FuzzParser) throws -> [(name: String, bytes: [UInt8])] {
    let folder = folder + "/" + parser.rawValue
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
      (name, [UInt8](try #require(FileManager.default.contents(atPath: folder + "/" + name))))
    }
  }

  @Test(arguments: FuzzParser.allCases)
  func everyParserSurvivesItsCorpus(_ parser: FuzzParser) throws {
    let inputs = try Self.inputs(of: parser)
    #expect(!inputs.isEmpty)
    for (index, input) in inputs.enumerated() {
      parser.run(input.bytes)
      for seed in 0..<20 {
        var mutation = TextMutation(seed: UInt64(100 * index + seed))
        parser.run(mutation.mutated(input.bytes, words: parser.words))
      }
    }
  }
}
