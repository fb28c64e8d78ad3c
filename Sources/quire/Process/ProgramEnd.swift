import Foundation
import QuireFiles

/// Ends the process; every exit goes through this function. Leaves no temporary file and no terminal in raw mode.
///
/// It does not call `exit`, which would run OpenBLAS's exit handler. That waits for its threads, which never end when
/// memory is exhausted.
func endProgram(_ code: Int32) -> Never {
  DisposableFiles.removeAllBeforeExit()
  RawMode.end()
  _exit(code)
}
