import Foundation
import QuireFiles
import TestSupport
import Testing

/// Only what does not end the test process: `removeAllBeforeExit` is tested by `StopTests` with the built program.
@Suite struct DisposableFilesTests {
  @Test func aFailedCreationThrowsItsOwnErrorAndCanBeRepeated() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/file"
    #expect(throws: FileFailure.self) {
      try DisposableFiles.add(path) { () throws(FileFailure) in throw FileFailure(reason: "no") }
    }
    let made = DisposableFiles.add(path) { FileManager.default.createFile(atPath: path, contents: Data([1])) }
    #expect(made && FileManager.default.fileExists(atPath: path))
    DisposableFiles.forget(path)
  }

  /// What an earlier run has left to resume from must outlast a signal that comes before it is read.
  @Test func anUnfinishedFileThatIsResumedIsKeptFromTheStart() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/model"
    #expect(try !AtomicFile(path: path, resumes: true).keepsTemporary)
    folder.write([1, 2, 3], to: "model.partial")
    #expect(try AtomicFile(path: path, resumes: true).keepsTemporary)
    #expect(try !AtomicFile(path: path).keepsTemporary)
  }
}
