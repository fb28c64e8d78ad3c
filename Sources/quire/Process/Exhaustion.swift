import Foundation
import QuireTensors

/// Ends the program with one message when the system refuses memory or a thread.
enum Exhaustion {
  /// Installs the handlers; called once, before any work.
  static func prepare() {
    ResourceFailure.onFailure { sentence in
      Terminal.errorLine("quire: " + sentence)
      endProgram(1)
    }
    // When the Swift runtime gets no memory for an array or an object, it traps. The signal handler distinguishes this
    // from a programming error by trying to allocate a little memory itself.
    for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV] {
      signal(number) { number in
        signal(number, SIG_DFL)
        if memoryIsExhausted() {
          let sentence: StaticString =
            "quire: expected more memory, found that this process may not have it; close other programs, raise its limit (ulimit -v, container), or choose a smaller context or fewer sequences\n"
          _ = Foundation.write(STDERR_FILENO, sentence.utf8Start, sentence.utf8CodeUnitCount)
          _exit(1)
        }
        raise(number)
      }
    }
  }
}

/// In a signal handler: only system calls.
private func memoryIsExhausted() -> Bool {
  let byteCount = 64 << 20
  let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
  guard let address, address != MAP_FAILED else { return true }
  munmap(address, byteCount)
  return false
}
