import Foundation
import QuireText
import Synchronization

/// Writing to the user: results to stdout, everything else to stderr.
///
/// | what | where | how |
/// |---|---|---|
/// | `output` | stdout | a result, byte for byte; on a terminal without control characters |
/// | `answer` | stdout | a part of an answer, as `output`; a message that comes in the middle begins on a new line |
/// | `report`, `remarkLine` | stdout | lines for people: without control characters, wrapped on a terminal |
/// | `errorLine` | stderr | one sentence on one line, wrapped on a terminal |
enum Terminal {
  static let outputScreen = TerminalScreen(STDOUT_FILENO)
  static let errorScreen = TerminalScreen(STDERR_FILENO)
  static let inputIsTerminal = isatty(STDIN_FILENO) == 1

  /// Writes a result; the program ends when it cannot.
  static func output(_ text: String) {
    let failure = write(outputScreen.isTerminal ? text.visible : text, to: STDOUT_FILENO)
    if failure != 0 { endProgram(exitCode(ofFailedOutput: failure)) }
  }

  /// Writes a result that is no text; the program ends when it cannot.
  static func outputBytes(_ bytes: UnsafeRawBufferPointer) {
    let failure = write(bytes, to: STDOUT_FILENO)
    if failure != 0 { endProgram(exitCode(ofFailedOutput: failure)) }
  }

  static func outputLine(_ text: String = "") { output(text + "\n") }

  /// Writes a part of an answer; the program ends when it cannot.
  ///
  /// - Parameter isDim: for reasoning, on a terminal
  static func answer(_ text: String, isDim: Bool = false) {
    // A pipe's reader may pause, and a message must not wait for it.
    guard outputScreen.isTerminal, !text.isEmpty else { return output(text) }
    let shown = isDim ? dimmed(text) : text.visible
    let failure = lines.withLock { lines in
      if lines.isClosed { return Int32(0) }
      lines.answerIsOpen = !text.hasSuffix("\n")
      return write(shown, to: STDOUT_FILENO)
    }
    if failure != 0 { endProgram(exitCode(ofFailedOutput: failure)) }
  }

  /// What has been written and not ended. Threads that write hold its lock, so that a message of one does not come between
  /// another's text and the line feed that ends it.
  private struct Lines {
    /// A terminal shows an answer whose last line is not ended.
    var answerIsOpen = false
    /// A line of progress or of reasoning on stderr is not ended.
    var progressIsOpen = false
    /// The last message has been written.
    var isClosed = false
  }

  private static let lines = Mutex(Lines())

  /// Writes lines for people that are the result of a command.
  static func report(_ text: String) {
    let failure = write(forPeople(text, outputScreen), to: STDOUT_FILENO)
    if failure != 0 { endProgram(exitCode(ofFailedOutput: failure)) }
  }

  /// Writes a line in addition to the result. If it cannot be written, the work continues and `exitCode` reports the
  /// failure at the end.
  static func remarkLine(_ text: String) {
    let failure = write(forPeople(text + "\n", outputScreen), to: STDOUT_FILENO)
    if failure != 0 { remarkFailure.withLock { $0 = failure } }
  }

  /// The exit code of a command that has finished: 0, unless a remark could not be written.
  static var exitCode: Int32 {
    let failure = remarkFailure.withLock { $0 }
    return failure == 0 ? 0 : exitCode(ofFailedOutput: failure)
  }

  private static let remarkFailure = Mutex<Int32>(0)

  /// If the reader has closed the pipe, no message is printed and the exit code is that of SIGPIPE, as usual.
  private static func exitCode(ofFailedOutput failure: Int32) -> Int32 {
    if failure == EPIPE { return 128 + SIGPIPE }
    errorLine(
      "quire: expected to write to the standard output, found: \(String(cString: strerror(failure)).lowercased()); free disk space or send it elsewhere and run again"
    )
    return 1
  }

  /// Writes one sentence on one line; line feeds in quoted names are escaped.
  static func errorLine(_ text: String) { errorText(text.visibleLine + "\n") }

  /// Writes the last line of a program that ends although other threads still work; they write nothing after it.
  static func lastErrorLine(_ text: String) { writeError(text.visibleLine + "\n", isLast: true) }

  /// Writes help and similar text, which contains no untrusted input.
  static func errorText(_ text: String) { writeError(text, isLast: false) }

  private static func writeError(_ text: String, isLast: Bool) {
    let wrapped = errorScreen.isTerminal ? text.wrapped(width: errorScreen.width) : text
    lines.withLock { lines in
      if lines.isClosed { return }
      if lines.answerIsOpen { _ = write("\n", to: STDOUT_FILENO) }
      _ = write((lines.progressIsOpen ? "\n" : "") + wrapped, to: STDERR_FILENO)
      lines = Lines(isClosed: isLast)
    }
  }

  /// Writes a part of a model's reasoning to stderr; the answer goes to stdout.
  static func thought(_ text: String) {
    guard !text.isEmpty else { return }
    writeProgress(errorScreen.isTerminal ? text.visible : text, isOpen: !text.hasSuffix("\n"))
  }

  /// Replaces the progress line on a capable terminal; `isLast` ends it.
  static func progress(_ line: String, isLast: Bool) {
    writeProgress("\r\u{1b}[K" + line + (isLast ? "\n" : ""), isOpen: !isLast)
  }

  private static func writeProgress(_ text: String, isOpen: Bool) {
    lines.withLock { lines in
      if lines.isClosed { return }
      _ = write(text, to: STDERR_FILENO)
      lines.progressIsOpen = isOpen
    }
  }

  /// Removes an open progress line from the screen.
  static func removeProgress() { endProgress("\r\u{1b}[K") }

  /// Ends an open progress line, so that the next output starts on a new line.
  static func closeProgress() { endProgress("\n") }

  private static func endProgress(_ ending: String) {
    lines.withLock { lines in
      if lines.progressIsOpen { _ = write(ending, to: STDERR_FILENO) }
      lines.progressIsOpen = false
    }
  }

  /// Dim text if the terminal supports it and NO_COLOR is not set.
  static func dimmed(_ text: String) -> String {
    outputScreen.isCapable && Environment.wantsColor ? "\u{1b}[2m\(text.visible)\u{1b}[0m" : text.visible
  }

  /// Writes text that may contain our own escape sequences; other control characters were already escaped.
  static func outputStyled(_ text: String) {
    let failure = write(text, to: STDOUT_FILENO)
    if failure != 0 { endProgram(exitCode(ofFailedOutput: failure)) }
  }

  private static func forPeople(_ text: String, _ screen: TerminalScreen) -> String {
    screen.isTerminal ? text.visible.wrapped(width: screen.width) : text.visible
  }

  static func seconds(_ value: Double) -> String {
    value < 60
      ? String(format: "%.1f s", value) : String(format: "%d:%02d min", Int(value) / 60, Int(value) % 60)
  }
}
