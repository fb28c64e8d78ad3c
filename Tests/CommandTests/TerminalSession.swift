import CPseudoTerminal
import Foundation
import TestSupport

/// The built program on a terminal of its own. Killed with the last reference, if it still runs.
final class TerminalSession {
  /// Everything that the program has written so far.
  private(set) var transcript = ""
  private var columns: Int
  private let process: Int32
  /// Where the program keeps its history, instead of the user's home.
  private let state: TemporaryFolder
  private let master: Int32
  private var bytes: [UInt8] = []
  private var status: Int32?

  /// Starts `quire` with `words` in a window of `columns` columns; nil where there are no terminals.
  init?(
    _ words: [String], columns: Int = 80, environment extra: [String: String] = [:], folder: String? = nil,
    state: TemporaryFolder = TemporaryFolder()
  ) {
    self.columns = columns
    self.state = state
    var environment = ProcessInfo.processInfo.environment
    environment["COLUMNS"] = nil
    environment["TERM"] = "xterm"
    environment["NO_COLOR"] = nil
    environment["XDG_STATE_HOME"] = state.path
    environment.merge(extra) { $1 }
    // A shell changes the folder, for forkpty cannot.
    let program =
      folder == nil
      ? [BuiltProgram.quire.path]
      : ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder!, BuiltProgram.quire.path]
    var arguments = (program + words).map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var master: Int32 = -1
    process = quire_start_on_terminal(program[0], &arguments, &variables, Int32(columns), &master)
    self.master = master
    guard process > 0 else { return nil }
  }

  deinit {
    if status == nil {
      kill(process, SIGKILL)
      var ignored: Int32 = 0
      waitpid(process, &ignored, 0)
    }
    close(master)
  }

  func type(_ text: String) { type(bytes: Array(text.utf8)) }

  func type(bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes { write(master, $0.baseAddress, $0.count) }
  }

  func signal(_ number: Int32) { kill(process, number) }

  /// Changes the size of the window, as a user does who drags its corner.
  func resize(columns: Int, rows: Int = 40) {
    self.columns = columns
    var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
  }

  /// Reads until the transcript holds `text`; false when it does not within the time or the program ends before.
  func wait(for text: String, seconds: Double = 60) -> Bool {
    let end = Date() + seconds
    while !transcript.contains(text) {
      guard read(until: end) else { return transcript.contains(text) }
    }
    return true
  }

  /// Reads until the transcript holds `text` after the first `mark`; false as above.
  func wait(for text: String, after mark: String, seconds: Double = 60) -> Bool {
    let end = Date() + seconds
    while true {
      if let found = transcript.range(of: mark), transcript[found.upperBound...].contains(text) {
        return true
      }
      guard read(until: end) else { return false }
    }
  }

  /// Reads to the end; the exit code, or 128 and the number of the signal that ended the program.
  func finish(seconds: Double = 120) -> Int32 {
    if let status { return status }
    let end = Date() + seconds
    while read(until: end) {}
    if Date() >= end { kill(process, SIGKILL) }
    var word: Int32 = 0
    waitpid(process, &word, 0)
    let code = word & 0x7F == 0 ? (word >> 8) & 0xFF : 128 + (word & 0x7F)
    status = code
    return code
  }

  /// Reads once; false at the end of the output or of the time.
  private func read(until end: Date) -> Bool {
    var waiting = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    let milliseconds = Int32(max(0, end.timeIntervalSinceNow * 1000))
    guard poll(&waiting, 1, milliseconds) > 0 else { return false }
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    let count = chunk.withUnsafeMutableBytes { Foundation.read(master, $0.baseAddress, $0.count) }
    guard count > 0 else { return false }
    bytes += chunk[..<count]
    transcript = String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
    return true
  }

  /// Lines that take more columns than the window has, or redrawn ones that fill it. A line with a word of more than
  /// half the window, such as a path, does not count.
  var linesTooWide: [String] {
    transcript.split(separator: "\n").flatMap { line -> [String] in
      let parts = String(line).components(separatedBy: "\r")
      return parts.enumerated().filter { index, part in
        let text = part.replacing(/\u{1b}\[[0-9;?]*[A-Za-z]/, with: "")
        let longest = text.split(separator: " ").map(\.count).max() ?? 0
        // A part that is overwritten leaves the last column free; the last part is a line as any other.
        let limit = index < parts.count - 1 ? columns - 1 : columns
        return Self.width(text) > limit && longest <= columns / 2
      }.map(\.element)
    }
  }

  /// Columns of a line without control characters; good enough for what the tests print.
  private static func width(_ text: String) -> Int {
    text.reduce(0) {
      $0 + ($1.unicodeScalars.first.map { $0.value >= 0x2E80 && $0.value < 0x20000 ? 2 : 1 } ?? 0)
    }
  }
}
