import Foundation
import QuireFiles
import QuireText

/// Progress output: a bar with rate and time left on a terminal, an occasional plain line in a pipe, nothing if quiet.
// Unchecked: used from the thread that runs the command, or protected by `lock`.
final class Progress: @unchecked Sendable {
  private let label: String
  private let unit: Unit
  private let isQuiet: Bool
  private let lock = NSLock()
  private let begin = Date()
  private var lastShown = Date.distantPast
  private var isFinished = false
  /// The rate and the time left are shown from then on.
  private static let estimateSeconds = 0.5

  /// The unit of the counts.
  enum Unit {
    case bytes, percent
    case items(String)

    /// - Parameter rate: units per second; nil while it is not known
    func numbers(_ done: Int, _ total: Int, _ rate: Double?) -> String {
      switch self {
      case .bytes:
        "\(ByteText.of(done)) of \(ByteText.of(total))" + (rate.map { ", \(ByteText.of(Int($0)))/s" } ?? "")
      case .percent: "\(done * 100 / total)%"
      case .items(let name): "\(done)/\(total) \(name)"
      }
    }
  }

  init(_ label: String, unit: Unit, quiet: Bool) {
    self.label = label.visibleLine
    self.unit = unit
    isQuiet = quiet
  }

  /// `done` of `total` units are finished.
  func update(_ done: Int, of total: Int, note: String = "") {
    guard !isQuiet, total > 0 else { return }
    lock.lock()
    defer { lock.unlock() }
    let now = Date()
    let isLast = done >= total
    if isFinished { return }
    let interval = Terminal.errorScreen.isCapable ? 0.1 : 5
    guard isLast || now.timeIntervalSince(lastShown) >= interval else { return }
    lastShown = now
    isFinished = isLast
    let elapsed = now.timeIntervalSince(begin)
    // The first units of a long work say nothing about the others.
    let isKnown = isLast ? elapsed > 0 : done > 0 && elapsed >= Self.estimateSeconds
    let rate = isKnown ? Double(done) / elapsed : nil
    let numbers = unit.numbers(done, total, rate)
    let left = rate.map { "\(Terminal.seconds(Double(total - done) / $0)) left" } ?? ""
    let time = isLast ? "in \(Terminal.seconds(elapsed))" : left
    guard Terminal.errorScreen.isCapable else {
      return Terminal.errorLine("\(label): " + Self.joined([numbers, time, note.visibleLine]))
    }
    let line = Self.line(
      label: label, share: Double(min(done, total)) / Double(total), numbers: numbers, time: time,
      note: note.visibleLine, width: Terminal.errorScreen.width)
    Terminal.progress(line, isLast: isLast)
  }

  /// The line of a bar in fewer than `width` columns, because a line that fills the window would scroll. If it is too
  /// long, the note, the bar and the end of the label are left out, in this order.
  static func line(
    label: String, share: Double, numbers: String, time: String, note: String, width: Int
  ) -> String {
    let available = width - 1
    let barWidth = min(24, available / 4)
    let filled = Int(Double(barWidth) * share)
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: barWidth - filled)
    let candidates = [
      [label, bar, numbers, time, note], [label, bar, numbers, time], [label, numbers, time],
    ].map(joined)
    if let line = candidates.first(where: { $0.displayWidth <= available }) { return line }
    let figures = joined([numbers, time])
    guard figures.displayWidth + 10 < available else { return String(figures.prefix(columns: available)) }
    return label.prefix(columns: available - figures.displayWidth - 2) + "… " + figures
  }

  private static func joined(_ parts: [String]) -> String {
    parts.filter { !$0.isEmpty }.joined(separator: " ")
  }

  /// Ends an unfinished bar's line, so that the next output starts on a new line.
  func close() { Terminal.closeProgress() }
}
