import Foundation
import Synchronization

/// The terminal's raw mode: every key reaches the program at once and is not echoed.
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
      return tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) == 0
    }
  }

  /// Switches back. Does nothing when raw mode is off.
  static func end() {
    usual.withLock { usual in
      guard var mode = usual else { return }
      tcsetattr(STDIN_FILENO, TCSADRAIN, &mode)
      usual = nil
    }
  }
}
