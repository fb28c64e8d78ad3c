import Foundation
import QuireFiles

/// The only way out of the process: leaves no temporary file and no terminal in raw mode.
///
/// Not `exit`: that would run the end of OpenBLAS, which waits for threads of its own, and these never end when memory is
/// short.
func endProgram(_ code: Int32) -> Never {
  DisposableFiles.removeAllBeforeExit()
  RawMode.end()
  _exit(code)
}
