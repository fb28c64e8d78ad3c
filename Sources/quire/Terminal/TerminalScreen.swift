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
    if let size, size.ws_col > 0 { return max(20, Int(size.ws_col)) }
    return max(20, Environment.columns ?? 80)
  }

  /// Rows of the window; 24 where they are unknown.
  var height: Int {
    if let size, size.ws_row > 0 { return max(2, Int(size.ws_row)) }
    return 24
  }

  private var size: winsize? {
    var size = winsize()
    return isTerminal && ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 ? size : nil
  }
}
