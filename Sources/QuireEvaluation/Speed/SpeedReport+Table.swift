import QuireFiles
import Foundation
import QuireTensors
import QuireText

extension SpeedReport {
  /// The report as `quire bench` prints it, with tables of at most `width` columns.
  package func table(width: Int) -> String {
    let formats = subject.formats.joined(separator: " and ")
    return """
      \(subject.name.visibleLine), \(subject.layerCount) layers, \(formats), \(ByteText.of(subject.weightBytes)) of weights; kv cache \(keyValueElement.rawValue)
      quire \(version), \(instructionSet.rawValue), \(CountText.of(threadCount, "thread")), \(processor)
      limits: \(number(limits.int8MultiplyAddsPerSecond / 1e9, 0)) GMAC/s int8, \(number(limits.readBytesPerSecond / 1e9, 1)) GB/s read

      \(passTable(width: width))\(lookupTable(width: width))\(draftTable(width: width))
      """
  }

  private func passTable(width: Int) -> String {
    var table = TextTable(columns: [
      .init("phase", .left), .init("batch"), .init("context"), .init("tokens"), .init("tokens/s"),
      .init("GMAC/s"), .init("of compute"), .init("GB/s"), .init("of reading"), .init("of roofline"),
    ])
    let passes = rows.filter { $0.lookup == nil && $0.draft == nil }
    for row in passes { table.add(cells(row)) }
    return passes.isEmpty ? "" : Self.stacked(table, keyCount: 3, width: width)
  }

  private static func stacked(_ table: TextTable, keyCount: Int, width: Int) -> String {
    table.parts(width: width, keyCount: keyCount).map(\.text).joined(separator: "\n")
  }

  /// A separate table: the effect of drafting on given answers of one sequence.
  private func lookupTable(width: Int) -> String {
    var table = TextTable(columns: [
      .init("answer", .left), .init("context"), .init("tokens"), .init("plain tokens/s"),
      .init("with lookup"),
      .init("ratio"), .init("steps"), .init("drafts"), .init("accepted"),
    ])
    let cells = rows.compactMap { row in
      row.lookup.map { lookup in
        [
          lookup.text.rawValue, "\(row.plan.context)", "\(row.plan.tokens)",
          number(lookup.plainTokensPerSecond, 2), number(row.tokensPerSecond, 2),
          ratio(row, to: lookup.plainTokensPerSecond, draftCount: lookup.draftCount),
          "\(lookup.stepCount)", "\(lookup.draftCount)",
          accepted(lookup.acceptedDraftCount, of: lookup.draftCount),
        ]
      }
    }
    if cells.isEmpty { return "" }
    for row in cells { table.add(row) }
    return
      "\nlookup: one sequence, answers prescribed to the engine, in turns with the same engine without drafts\n"
      + Self.stacked(table, keyCount: 1, width: width)
  }

  /// The effect of a draft model or head on given answers.
  private func draftTable(width: Int) -> String {
    var table = TextTable(columns: [
      .init("acceptance", .left), .init("batch"), .init("context"), .init("tokens"), .init("plain tokens/s"),
      .init("with drafts"), .init("ratio"), .init("steps"), .init("drafts"), .init("accepted"),
    ])
    let cells = rows.compactMap { row in
      row.draft.map { draft in
        [
          number(draft.acceptance, 1), "\(row.plan.batch)", "\(row.plan.context)", "\(draft.tokenCount)",
          number(draft.plainTokensPerSecond, 2), number(row.tokensPerSecond, 2),
          ratio(row, to: draft.plainTokensPerSecond, draftCount: draft.draftCount),
          "\(draft.stepCount)", "\(draft.draftCount)",
          accepted(draft.acceptedDraftCount, of: draft.draftCount),
        ]
      }
    }
    if cells.isEmpty { return "" }
    for row in cells { table.add(row) }
    return
      "\ndrafts: answers and the share of right drafts prescribed to the engine, in turns with the same engine without drafts\n"
      + Self.stacked(table, keyCount: 2, width: width)
  }

  /// What drafts are worth; a dash where none were made, because the quotient of two equal engines is noise.
  private func ratio(_ row: Row, to plain: Double, draftCount: Int) -> String {
    draftCount > 0 ? number(row.tokensPerSecond / plain, 2) + "×" : NumberText.missing
  }

  private func accepted(_ count: Int, of draftCount: Int) -> String {
    draftCount > 0 ? "\(count)" : NumberText.missing
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

  private func number(_ value: Double, _ digits: Int) -> String { DecimalText.fixed(value, digits) }
  private func percent(_ share: Double) -> String { DecimalText.fixed(100 * share, 0) + "%" }
}
