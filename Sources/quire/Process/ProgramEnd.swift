import Foundation
import QuireFiles

/// Ends the process; every exit goes through this function. Leaves no temporary file and no terminal in raw mode.
///
/// `speak` writes last words, given the paths of the files and folders that were finished; no other can appear after that.
///
/// It does not call `exit`, which would run the exit handlers of libraries while other threads still use them.
func endProgram(_ code: Int32, speak: (Set<String>) -> Void = { _ in }) -> Never {
  let finished = DisposableFiles.removeAllBeforeExit()
  RawMode.end()
  speak(finished)
  _exit(code)
}
