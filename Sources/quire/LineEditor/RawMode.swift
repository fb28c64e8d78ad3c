import Foundation
import Synchronization

/// The terminal's mode in which every key reaches the program at once and nothing is shown by itself.
enum RawMode {
  private static let usual = Mutex<termios?>(nil)

  /// Switches the input's terminal to it; false when the input is no terminal.
  static func begin() -> Bool {
    usual.withLock { usual in
      var mode = termios()
      guard tcgetattr(STDIN_FILENO, &mode) == 0 else { return false }
      usual = mode
      cfmakeraw(&mode)
      // Line feeds still return the carriage.
      mode.c_oflag |= tcflag_t(OPOST)
      return tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) == 0
    }
  }

  /// Switches back. Safe to call when nothing is to be done.
  static func end() {
    usual.withLock { usual in
      guard var mode = usual else { return }
      tcsetattr(STDIN_FILENO, TCSADRAIN, &mode)
      usual = nil
    }
  }
}
