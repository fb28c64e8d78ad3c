import Foundation

/// A standard stream: whether it is a terminal, and the terminal's width.
struct TerminalScreen {
  private let descriptor: Int32
  /// Whether it is a terminal.
  let isTerminal: Bool
  /// Whether it is a terminal that can move its cursor and dim text.
  let isCapable: Bool

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    isTerminal = isatty(descriptor) == 1
    isCapable = isTerminal && Environment.terminalIsCapable
  }

  /// Columns of a line: the terminal's, else COLUMNS, else 80. Read each time, because windows change.
  var width: Int {
    var size = winsize()
    if isTerminal, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
      return max(20, Int(size.ws_col))
    }
    return max(20, Environment.columns ?? 80)
  }
}
