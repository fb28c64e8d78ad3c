import Foundation

/// SIGINT and SIGTERM, taken by waiting instead of by a handler, in which almost nothing is allowed.
///
/// Make one before any thread starts: threads inherit that the signals are blocked, so only `wait` takes them.
struct StopSignals {
  private var set = sigset_t()

  init() {
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Returns the name of the first signal that comes.
  func wait() -> String {
    var waited = set
    var signal: Int32 = 0
    while sigwait(&waited, &signal) != 0 {}
    return signal == SIGINT ? "SIGINT" : "SIGTERM"
  }

  /// A second signal means that the user does not want to wait.
  func exitAtNextSignal() {
    let signals = self
    Thread {
      _ = signals.wait()
      exit(1)
    }.start()
  }
}
