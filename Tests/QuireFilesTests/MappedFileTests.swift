import Foundation
import QuireFiles
import TestSupport
import Testing

@Suite struct MappedFileTests {
  @Test("a file is mapped; a folder or nothing is refused") func mapping() throws {
    let folder = TemporaryFolder()
    folder.write([1, 2, 3], to: "bytes")
    let file = try MappedFile(path: folder.path + "/bytes")
    #expect(Array(file.bytes) == [1, 2, 3])
    #expect(throws: FileFailure(reason: "it is a folder")) { try MappedFile(path: folder.path) }
    #expect(throws: FileFailure(reason: "no such file or directory")) {
      try MappedFile(path: folder.path + "/missing")
    }
  }
}
