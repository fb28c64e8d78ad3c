import Foundation
import QuireFiles
import QuireTensors
import TestSupport
import Testing

@Suite struct AtomicFileTests {
  func names(_ folder: TemporaryFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  @Test func appearsWhole() throws {
    let folder = TemporaryFolder()
    folder.write("old".utf8, to: "a")
    let file = try AtomicFile(path: folder.path + "/a")
    try file.write(Array("new ".utf8))
    try file.write(Array("words".utf8))
    #expect(file.byteCount == 9)
    #expect(try String(contentsOfFile: folder.path + "/a", encoding: .utf8) == "old")
    let back = HostBuffer<UInt8>(count: 5)
    try file.read(at: 4, into: back.bytes)
    #expect(back.buffer.elementsEqual("words".utf8))
    try file.commit()
    #expect(try String(contentsOfFile: folder.path + "/a", encoding: .utf8) == "new words")
    #expect(try names(folder) == ["a"])
  }

  /// A private file stays private, also while it is written; another user's rights are not asked.
  @Test(arguments: [0o600, 0o440, 0o666])
  func keepsThePermissionsOfTheFileThatItReplaces(mode: Int) throws {
    let folder = TemporaryFolder()
    let path = folder.write("old".utf8, to: "a")
    func found(_ path: String) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    let file = try AtomicFile(path: path)
    #expect(try found(file.temporaryPath) == mode | 0o600)
    try file.write(Array("new".utf8))
    try file.commit()
    #expect(try found(path) == mode)
  }

  @Test func resumesWhatWasKept() throws {
    let folder = TemporaryFolder()
    do {
      let file = try AtomicFile(path: folder.path + "/a")
      try file.write(Array("0123456789".utf8))
      file.keepsTemporary = true
    }
    #expect(try names(folder) == ["a.partial"])
    let file = try AtomicFile(path: folder.path + "/a", resumes: true)
    #expect(file.byteCount == 10)
    try file.truncate(to: 3)
    try file.write(Array("x".utf8))
    try file.commit()
    #expect(try String(contentsOfFile: folder.path + "/a", encoding: .utf8) == "012x")
  }

  @Test func aFileWithoutANameIsInNoFolder() throws {
    let file = try AtomicFile(temporary: ())
    #expect(!FileManager.default.fileExists(atPath: file.path))
    #expect(!FileManager.default.fileExists(atPath: file.temporaryPath))
    try file.write(Array("words".utf8))
    let back = HostBuffer<UInt8>(count: 3)
    try file.read(at: 2, into: back.bytes)
    #expect(back.buffer.elementsEqual("rds".utf8) && file.byteCount == 5)
  }

  @Test func keepsASecondWriterOut() throws {
    let folder = TemporaryFolder()
    let file = try AtomicFile(path: folder.path + "/a")
    #expect(throws: FileFailure(reason: "another process is writing it")) {
      try AtomicFile(path: folder.path + "/a")
    }
    try file.write([1])
    try file.commit()
    #expect(try names(folder) == ["a"])
  }

  @Test func refusesPlacesThatAreTaken() throws {
    let folder = TemporaryFolder()
    #expect(throws: FileFailure(reason: "something that is not a regular file has that name")) {
      try AtomicFile(path: folder.path)
    }
    #expect(throws: FileFailure(reason: "the path is empty")) { try AtomicFile(path: "") }
    #expect(throws: FileFailure(reason: "the path contains a zero byte")) { try AtomicFile(path: "a\0b") }
    #expect(throws: FileFailure(reason: "no such file or directory")) {
      try AtomicFile(path: folder.path + "/no/where")
    }
  }

  @Test func readsOnlyRegularFiles() throws {
    let folder = TemporaryFolder()
    #expect(throws: FileFailure(reason: "it is a folder")) { try InputFile(path: folder.path) }
    #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
    #expect(throws: FileFailure(reason: "it is a pipe")) { try InputFile(path: folder.path + "/pipe") }
    #expect(throws: FileFailure(reason: "it is not a regular file")) { try InputFile(path: "/dev/zero") }
    let path = folder.write([1, 2, 3], to: "a")
    let file = try InputFile(path: path)
    #expect(file.byteCount == 3)
    #expect(truncate(path, 1) == 0)
    let buffer = HostBuffer<UInt8>(count: 3)
    #expect(throws: FileFailure(reason: "the file became shorter while it was read")) {
      try file.read(at: 0, into: buffer.bytes)
    }
  }
}
