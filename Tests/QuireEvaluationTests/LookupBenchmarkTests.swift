import QuireEvaluation
import QuireJSON
import QuireModel
import QuireTensors
import Testing

/// Drafts in a speed benchmark. That drafts change no token is checked by the benchmark itself.
@Suite(.serialized) struct LookupBenchmarkTests {
  private static func report(answer: Int, context: Int) throws -> SpeedReport {
    try SpeedBenchmarkTests.report(
      SpeedPlan(
        promptTokens: [], generateTokens: answer, batches: [1], contexts: [context], measuresLookup: true))
  }

  @Test func everyTextGetsARow() throws {
    let report = try Self.report(answer: 100, context: 120)
    #expect(report.rows.map(\.plan.phase) == [.decode, .lookup, .lookup, .lookup])
    let lookups = report.rows.compactMap(\.lookup)
    #expect(lookups.map(\.text) == LookupText.allCases)
    for (row, lookup) in zip(report.rows.dropFirst(), lookups) {
      // Each token took a step of its own or was drafted.
      #expect(lookup.stepCount + lookup.acceptedDraftCount == 100)
      #expect(lookup.acceptedDraftCount <= lookup.draftCount)
      #expect(row.tokensPerSecond > 0 && lookup.plainTokensPerSecond > 0)
      #expect(row.seconds.count == 1)
    }
  }

  /// A model this small computes rows at full price, so how often drafts are made is left open; what they are worth is not.
  @Test func aQuotedTextIsForeseenAndANewOneIsNot() throws {
    let lookups = try Self.report(answer: 120, context: 120).rows.compactMap(\.lookup)
    let (quoting, novel) = (lookups[0], lookups[2])
    if quoting.draftCount > 20 {
      #expect(Double(quoting.acceptedDraftCount) > 0.7 * Double(quoting.draftCount))
    }
    #expect(novel.draftCount < 40)
    #expect(novel.acceptedDraftCount < 12)
  }

  @Test func rowsAndTableSayWhatWasMeasured() throws {
    let report = try Self.report(answer: 16, context: 0)
    let rows = try #require(report.json["rows"]?.arrayValue).filter { $0["phase"]?.stringValue == "lookup" }
    #expect(rows.map { $0["text"]?.stringValue } == ["quoting", "editing", "novel"])
    for row in rows {
      // The prompt can be quoted in full.
      #expect(row["context"]?.intValue == 16)
      #expect(row["tokens"]?.intValue == 16)
      for key in ["tokensPerSecond", "plainTokensPerSecond", "speedup", "shareOfRoofline"] {
        #expect(try #require(row[key]?.doubleValue) > 0, "\(key)")
      }
      for key in ["steps", "drafts", "acceptedDrafts"] { #expect(row[key]?.intValue != nil, "\(key)") }
    }
    #expect(report.table(width: 120).contains("answers prescribed to the engine"))
    let lines = report.table(width: 120).split(separator: "\n").map { $0.split(separator: " ").first }
    for text in LookupText.allCases { #expect(lines.contains { $0 ?? "" == text.rawValue }) }
  }

  @Test func enginesCountInThePlanOfMemory() {
    let plain = SpeedPlan(promptTokens: [], generateTokens: 8, batches: [1], contexts: [32])
    var both = plain
    both.measuresLookup = true
    let (without, with) = (memory(plain), memory(both))
    // Four engines with caches of 41 positions, two blocks each.
    #expect(with.cacheBytes == without.cacheBytes * (2 + 4 * 2) / 2)
    #expect(with.workspaceBytes > without.workspaceBytes)
    #expect(throws: SpeedError.positions(wanted: 257, most: 256)) {
      both.contexts = [248]
      try both.check(SpeedBenchmarkTests.configuration)
    }
  }

  private func memory(_ plan: SpeedPlan) -> SpeedMemory {
    SpeedMemory(plan, configuration: SpeedBenchmarkTests.configuration, weightBytes: 0)
  }
}
