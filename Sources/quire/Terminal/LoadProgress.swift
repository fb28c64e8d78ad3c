import Foundation
import Synchronization

/// A bar on the terminal while a model is loaded; it is removed at the end. In a pipe there is none.
final class LoadProgress: Sendable {
  private let isShown: Bool
  private let begin = Date()
  private let lastShown = Mutex(Date.distantPast)

  init(quiet: Bool) { isShown = !quiet && Terminal.errorScreen.isCapable }

  /// `done` of `total` parts are loaded. From any thread.
  func update(_ done: Int, of total: Int) {
    guard isShown, total > 0 else { return }
    lastShown.withLock { lastShown in
      let now = Date()
      guard now.timeIntervalSince(lastShown) >= 0.1 else { return }
      lastShown = now
      let elapsed = now.timeIntervalSince(begin)
      let left = done > 0 ? Terminal.seconds(elapsed / Double(done) * Double(total - done)) + " left" : ""
      let share = Double(done) / Double(total)
      let line = Progress.line(
        label: "loading", share: share, numbers: "\(Int(100 * share))%", time: left, note: "",
        width: Terminal.errorScreen.width)
      Terminal.progress(line, isLast: false)
    }
  }

  /// Removes the bar.
  func end() { if isShown { Terminal.removeProgress() } }
}
