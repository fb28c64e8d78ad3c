import QuireFiles
import Foundation
import QuireTensors

extension SpeedReport {
  /// The report as `quire bench` prints it for people.
  package var table: String {
    let formats = subject.formats.joined(separator: " and ")
    return """
      \(subject.name), \(subject.layerCount) layers, \(formats), \(ByteText.of(subject.weightBytes)) of weights; kv cache \(keyValueElement.rawValue)
      quire \(version), \(instructionSet.rawValue), \(threadCount) threads, \(processor)
      limits: \(number(limits.int8MultiplyAddsPerSecond / 1e9, 0)) GMAC/s int8, \(number(limits.readBytesPerSecond / 1e9, 1)) GB/s read

      \((lines + lookupLines).joined(separator: "\n"))

      """
  }

  private var lines: [String] {
    let header = [
      "phase", "batch", "context", "tokens", "tokens/s", "GMAC/s", "of compute", "GB/s", "of reading",
      "of roofline",
    ]
    let passes = rows.filter { $0.lookup == nil }
    return passes.isEmpty ? [] : aligned([header] + passes.map(cells))
  }

  private func aligned(_ cells: [[String]]) -> [String] {
    let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    return cells.map { line in
      zip(line, widths).map { cell, width in String(repeating: " ", count: width - cell.count) + cell }
        .joined(separator: "  ")
    }
  }

  /// A table of its own: what drafting did for dictated answers of one sequence.
  private var lookupLines: [String] {
    let header = [
      "answer", "context", "tokens", "plain tokens/s", "with lookup", "ratio", "steps", "drafts", "accepted",
    ]
    let cells = rows.compactMap { row in
      row.lookup.map { lookup in
        [
          lookup.text.rawValue, "\(row.plan.context)", "\(row.plan.tokens)",
          number(lookup.plainTokensPerSecond, 2), number(row.tokensPerSecond, 2),
          number(row.tokensPerSecond / lookup.plainTokensPerSecond, 2) + "×",
          "\(lookup.stepCount)", "\(lookup.draftCount)", "\(lookup.acceptedDraftCount)",
        ]
      }
    }
    if cells.isEmpty { return [] }
    return [
      "",
      "lookup: one sequence, answers dictated to the engine, in turns with the same engine without drafts",
    ]
      + aligned([header] + cells)
  }

  private func cells(_ row: Row) -> [String] {
    [
      row.plan.phase.rawValue, "\(row.plan.batch)", "\(row.plan.context)", "\(row.plan.tokens)",
      number(row.tokensPerSecond, row.tokensPerSecond < 100 ? 2 : 0),
      number(row.multiplyAddsPerSecond / 1e9, 1),
      percent(row.shareOfCompute), number(row.bytesPerSecond / 1e9, 1), percent(row.shareOfBandwidth),
      percent(row.shareOfRoofline),
    ]
  }

  private func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
  private func percent(_ share: Double) -> String { String(format: "%.0f%%", 100 * share) }
}
