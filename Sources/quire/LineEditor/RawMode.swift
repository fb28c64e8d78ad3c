import Foundation
import Synchronization

/// The terminal's raw mode: every key reaches the program at once and is not echoed. Pasted text is marked (bracketed
/// paste).
enum RawMode {
  private static let usual = Mutex<termios?>(nil)

  /// Switches the input's terminal to raw mode; false when the input is not a terminal.
  static func begin() -> Bool {
    usual.withLock { usual in
      var mode = termios()
      guard tcgetattr(STDIN_FILENO, &mode) == 0 else { return false }
      usual = mode
      cfmakeraw(&mode)
      // Output processing stays on, so that a line feed also returns to the first column.
      mode.c_oflag |= tcflag_t(OPOST)
      guard tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) == 0 else {
        usual = nil
        return false
      }
      _ = write("\u{1b}[?2004h", to: STDOUT_FILENO)
      return true
    }
  }

  /// Switches back. Does nothing when raw mode is off.
  static func end() {
    usual.withLock { usual in
      guard var mode = usual else { return }
      // A shell would not know the marks.
      _ = write("\u{1b}[?2004l", to: STDOUT_FILENO)
      tcsetattr(STDIN_FILENO, TCSADRAIN, &mode)
      usual = nil
    }
  }
}
