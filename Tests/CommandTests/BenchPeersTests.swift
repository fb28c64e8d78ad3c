import Foundation
import QuireJSON
import TestSupport
import Testing

/// `tools/bench-peers` without the peers, which a test cannot install: our own programs still take turns, are put into
/// the table and are recorded.
@Suite struct BenchPeersTests {
  private static let python = Tool("python3")
  private static let tool = TestPaths.repository + "/tools/bench-peers"

  @Test(.enabled(if: python != nil)) func programsTakeTurnsAndAreRecorded() throws {
    let folder = TemporaryFolder()
    let results = folder.path + "/results.jsonl"
    let outcome = try #require(Self.python).run([
      Self.tool, "--shape", "qwen3-0.6b", "--layers", "1", "--programs", "quire-int4,quire-int8", "--rounds",
      "2",
      "--threads", "1", "--prompt-tokens", "4", "--batch", "2", "--generate-tokens", "1", "--context", "3",
      "--quire", BuiltProgram.quire.path, "--folder", folder.path, "--results", results,
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let turns = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("round ") }
    #expect(
      turns == [
        "round 1 of 2: quire-int4", "round 1 of 2: quire-int8", "round 2 of 2: quire-int8",
        "round 2 of 2: quire-int4",
      ])
    #expect(outcome.output.contains("| tokens/s | prompt 4 | decode ×2 |"))
    let rows = try String(contentsOfFile: results, encoding: .utf8).split(separator: "\n")
      .map { try JSONValue.parse(Array($0.utf8)) }
    #expect(
      rows.map { $0["program"]?.stringValue } == ["quire-int4", "quire-int4", "quire-int8", "quire-int8"])
    #expect(rows.map { $0["phase"]?.stringValue } == ["prompt", "decode", "prompt", "decode"])
    #expect(rows.map { $0["batch"]?.intValue } == [1, 2, 1, 2])
    #expect(rows.map { $0["context"]?.intValue } == [0, 3, 0, 3])
    for row in rows {
      #expect(row["rounds"]?.arrayValue?.count == 2)
      #expect(try #require(row["tokensPerSecond"]?.doubleValue) > 0)
      #expect(try #require(row["shareOfRoofline"]?.doubleValue) > 0)
      #expect(row["shape"]?.stringValue == "qwen3-0.6b")
    }
  }

  @Test(.enabled(if: python != nil)) func wrongUsageIsExitCode2() throws {
    let outcome = try #require(Self.python).run([Self.tool, "--programs", "quire-int5"])
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("expected names out of quire-int4, "))
    #expect(outcome.errors.contains("found 'quire-int5'"))
  }
}
