import QuireFiles
import Foundation
import QuireTensors

/// Writing to the user: results to stdout, everything else to stderr.
enum Terminal {
  static let errorIsTerminal = isatty(STDERR_FILENO) == 1
  static let outputIsTerminal = isatty(STDOUT_FILENO) == 1
  static let inputIsTerminal = isatty(STDIN_FILENO) == 1

  /// Writes the result; a reader that left ends the program quietly, as `head` expects.
  static func output(_ text: String) {
    let failure = attemptWrite(Array(text.utf8), to: STDOUT_FILENO)
    guard failure != 0 else { return }
    if failure != EPIPE {
      errorLine(
        "quire: expected to write to the standard output, found: \(String(cString: strerror(failure)).lowercased()); make room or send it elsewhere and run again"
      )
    }
    exit(failure == EPIPE ? 0 : 1)
  }

  static func outputLine(_ text: String = "") { output(text + "\n") }

  /// A line beside the result, for whoever reads; the work goes on when nobody does.
  static func remarkLine(_ text: String) {
    _ = attemptWrite(Array((text + "\n").utf8), to: STDOUT_FILENO)
  }

  static func error(_ text: String) { _ = attemptWrite(Array(text.utf8), to: STDERR_FILENO) }
  static func errorLine(_ text: String) { error(text + "\n") }

  /// Dim where the terminal can show it.
  static func dim(_ text: String) -> String { outputIsTerminal ? "\u{1b}[2m\(text)\u{1b}[0m" : text }

  /// Writes all bytes; returns 0, or the number of the error that stopped it.
  private static func attemptWrite(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    var offset = 0
    while offset < bytes.count {
      let written = bytes.withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress! + offset, bytes.count - offset)
      }
      if written > 0 {
        offset += written
      } else if errno == EAGAIN {
        var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&place, 1, -1)
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }

  static func seconds(_ value: Double) -> String {
    value < 60
      ? String(format: "%.1f s", value) : String(format: "%d:%02d min", Int(value) / 60, Int(value) % 60)
  }
}

/// A bar with rate and time left on a terminal, a plain line now and then in a pipe, nothing when quiet.
// Unchecked: used from the thread that runs the command, or behind the lock.
final class Progress: @unchecked Sendable {
  private let label: String
  private let unit: Unit
  private let isQuiet: Bool
  private let lock = NSLock()
  private let begin = Date()
  private var lastShown = Date.distantPast
  private var isOpen = false
  private var isFinished = false

  /// What is counted.
  enum Unit {
    case bytes, percent
    case items(String)

    func numbers(_ done: Int, _ total: Int, _ rate: Double) -> String {
      switch self {
      case .bytes: "\(ByteText.of(done)) of \(ByteText.of(total)), \(ByteText.of(Int(rate)))/s"
      case .percent: "\(done * 100 / total)%"
      case .items(let name): "\(done)/\(total) \(name)"
      }
    }
  }

  init(_ label: String, unit: Unit, quiet: Bool) {
    self.label = label
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
    let interval = Terminal.errorIsTerminal ? 0.1 : 5
    guard isLast || now.timeIntervalSince(lastShown) >= interval else { return }
    lastShown = now
    isFinished = isLast
    let elapsed = now.timeIntervalSince(begin)
    let rate = elapsed > 0 ? Double(done) / elapsed : 0
    let left = rate > 0 ? Double(total - done) / rate : 0
    let numbers = unit.numbers(done, total, rate)
    let time = isLast ? "in \(Terminal.seconds(elapsed))" : done > 0 ? "\(Terminal.seconds(left)) left" : ""
    if Terminal.errorIsTerminal {
      let filled = 24 * min(done, total) / total
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
      Terminal.error("\r\u{1b}[K\(label) \(bar) \(numbers) \(time) \(note)" + (isLast ? "\n" : ""))
      isOpen = !isLast
    } else {
      Terminal.errorLine("\(label): \(numbers) \(time) \(note)".trimmingCharacters(in: .whitespaces))
    }
  }

  /// Ends an unfinished bar's line, so that what follows starts on its own.
  func close() {
    lock.lock()
    defer { lock.unlock() }
    if isOpen { Terminal.error("\n") }
    isOpen = false
  }
}
