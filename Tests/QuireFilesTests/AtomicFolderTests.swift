import Foundation
import QuireFiles
import TestSupport
import Testing

/// Folders that appear complete or not at all.
@Suite struct AtomicFolderTests {
  private let place = TemporaryFolder()
  private var path: String { place.path + "/out" }

  private func fill(_ folder: AtomicFolder, _ name: String = "a", _ text: String = "new") throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.temporaryPath + "/" + name))
  }

  private func text(_ name: String = "a") throws -> String {
    try String(contentsOfFile: path + "/" + name, encoding: .utf8)
  }

  @Test func appearsAtCommit() throws {
    let folder = try AtomicFolder(path: path + "/")
    try fill(folder)
    #expect(AtomicFolder.entries(of: place.path) == ["out.partial"])
    try folder.commit()
    #expect(AtomicFolder.entries(of: place.path) == ["out"])
    #expect(try text() == "new")
  }

  @Test func isRemovedWithoutCommit() throws {
    do {
      let folder = try AtomicFolder(path: path)
      try fill(folder)
    }
    #expect(AtomicFolder.entries(of: place.path) == [])
  }

  @Test func replacesOnlyWithPermissionAndInOneStep() throws {
    try place.makeFolder("out")
    // An empty folder needs none.
    let first = try AtomicFolder(path: path)
    try fill(first, "a", "old")
    try first.commit()
    #expect(throws: FileFailure(reason: "a folder with files in it has that name")) {
      try AtomicFolder(path: path)
    }
    let second = try AtomicFolder(path: path, replaces: true)
    try fill(second)
    #expect(try text() == "old")
    try second.commit()
    #expect(AtomicFolder.entries(of: place.path) == ["out"])
    #expect(try text() == "new")
    place.write("x".utf8, to: "file")
    #expect(throws: FileFailure(reason: "something that is not a folder has that name")) {
      try AtomicFolder(path: place.path + "/file", replaces: true)
    }
  }

  @Test func aFolderThatAppearsMeanwhileStays() throws {
    let folder = try AtomicFolder(path: path)
    try fill(folder)
    try place.makeFolder("out")
    place.write("theirs".utf8, to: "out/b")
    #expect(throws: FileFailure(reason: "a folder with its name has appeared")) { try folder.commit() }
    #expect(try text("b") == "theirs")
  }

  @Test func whatAKilledRunLeftIsRemoved() throws {
    try place.makeFolder("out.partial")
    place.write([], to: "out.partial/" + AtomicFolder.mark)
    place.write("half".utf8, to: "out.partial/old")
    let folder = try AtomicFolder(path: path)
    #expect(AtomicFolder.entries(of: folder.temporaryPath) == [AtomicFolder.mark])
    #expect(throws: FileFailure(reason: "another process is writing it")) { try AtomicFolder(path: path) }
    try folder.commit()
    #expect(AtomicFolder.entries(of: path) == [])
  }

  /// A folder to replace is marked for the moment in which it has the temporary name.
  @Test func aFolderThatIsNotReplacedIsNotMarked() throws {
    try place.makeFolder("out")
    place.write("old".utf8, to: "out/b")
    let folder = try AtomicFolder(path: path, replaces: true)
    try FileManager.default.removeItem(atPath: folder.temporaryPath)
    #expect(throws: FileFailure.self) { try folder.commit() }
    #expect(AtomicFolder.entries(of: path) == ["b"])
  }

  @Test func aFolderThatOnlyHasTheNameStays() throws {
    try place.makeFolder("out.partial")
    place.write("mine".utf8, to: "out.partial/letter")
    #expect(throws: FileFailure(reason: "\(path).partial is a folder of other files")) {
      try AtomicFolder(path: path)
    }
    #expect(AtomicFolder.entries(of: path + ".partial") == ["letter"])
  }

  @Test func theFreeSpaceOfAFolderIsKnown() {
    #expect((DiskSpace.availableBytes(forFile: path) ?? 0) > 0)
    #expect(DiskSpace.availableBytes(forFile: place.path + "/none/out") == nil)
    #expect((DiskSpace.availableBytes(forFile: "here") ?? 0) > 0)
  }
}
