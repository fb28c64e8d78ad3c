import Foundation
import QuireJSON
import QuirePacks
import QuireTensors
import TestSupport
import Testing

@Suite struct PackWriterTests {
  func names(_ folder: TemporaryFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  @Test func anAbandonedPackLeavesNothing() throws {
    let folder = TemporaryFolder()
    folder.write("before".utf8, to: "a.quire")
    let sample = SamplePack.small()
    do {
      let writer = try PackWriter(path: folder.path + "/a.quire")
      try sample.add(sample.tensors[0], to: writer)
      #expect(try names(folder) == ["a.quire", "a.quire.partial"])
    }
    #expect(try names(folder) == ["a.quire"])
    #expect(try contents(folder.path + "/a.quire") == Data("before".utf8))
  }

  @Test func replacesAnOlderPackAndStaleTemporaries() throws {
    let folder = TemporaryFolder()
    for name in ["a.quire", "a.quire.journal.partial"] { folder.write("old".utf8, to: name) }
    let other = TemporaryFolder()
    let begun = try contents(SamplePack.small().write(to: other)).prefix(500)
    folder.write(begun, to: "a.quire.partial")
    let path = try SamplePack.small().write(to: folder)
    try PackReader(path: path).verify()
    #expect(try names(folder) == ["a.quire"])
  }

  @Test(arguments: [nil, "key"])
  func replacesNoFileOfSomebodyElse(resumeKey: String?) throws {
    let folder = TemporaryFolder()
    let partial = folder.write("precious\n".utf8, to: "a.quire.partial")
    let path = folder.path + "/a.quire"
    #expect(
      throws: PackError.unwritable(
        path: path,
        reason:
          "\(partial) is a file that quire has not written; move it or choose another path and run again")
    ) {
      try PackWriter(path: path, resumeKey: resumeKey)
    }
    #expect(try contents(partial) == Data("precious\n".utf8))
    #expect(try names(folder) == ["a.quire.partial"])
  }

  @Test func placesThatCannotBeWritten() throws {
    let folder = TemporaryFolder()
    func sentence(_ path: String) throws -> String {
      let error = #expect(throws: PackError.self) { try PackWriter(path: path) }
      return try #require(error).description.replacing(folder.path, with: "FOLDER")
    }
    #expect(
      try sentence(folder.path + "/no/a.quire")
        == "expected to write FOLDER/no/a.quire, found: no such file or directory; make the folder or choose "
        + "another path and run again")
    #expect(
      try sentence(folder.path).contains(
        "found: something that is not a regular file has that name; choose another path and run again"))
    let writer = try PackWriter(path: folder.path + "/a.quire")
    #expect(
      try sentence(folder.path + "/a.quire").contains(
        "found: another process is writing it; wait until that is done or choose another path and run again"))
    try writer.finish(manifest: PackManifest())
  }

  @Test func aManifestBeyondTheLimitIsRefused() throws {
    let folder = TemporaryFolder()
    let writer = try PackWriter(path: folder.path + "/a.quire")
    let text = String(repeating: "x", count: 64 << 20)
    let error = #expect(throws: PackError.self) {
      try writer.finish(manifest: PackManifest(members: ["recipe": .string(text)]))
    }
    #expect(
      error?.description.contains(
        "found: a manifest of 67108890, more than 67108864; convert a smaller model or recipe") == true)
  }

  /// In a process of its own, since the limit is the process's.
  @Test func aFullDiskGivesASentenceAndLeavesNothing() async {
    await #expect(processExitsWith: .success) {
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 300_000, rlim_max: 300_000)
      #if os(Linux)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      #else
        setrlimit(RLIMIT_FSIZE, &limit)
      #endif
      let folder = TemporaryFolder()
      let path = folder.path + "/a.quire"
      var sentence = ""
      do {
        try SamplePack.small().write(to: folder)
      } catch {
        sentence = "\(error)"
      }
      precondition(
        sentence
          == "expected to write \(path), found: file too large; free disk space or choose another path and "
          + "run again", sentence)
      precondition(try! FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test func changesAManifestByCopying() throws {
    let folder = TemporaryFolder()
    let sample = SamplePack.large()
    let path = try sample.write(to: folder)
    let before = try PackReader(path: path)
    // Under its own name: the old file stays readable until it is closed.
    let writer = try PackWriter(path: path, copying: before)
    var manifest = before.manifest
    manifest.rows = [["step": "reference", "perplexity": 9.5]]
    try writer.finish(manifest: manifest)
    let after = try PackReader(path: path)
    #expect(after.manifest.rows[0]["perplexity"]?.doubleValue == 9.5)
    #expect(after.tensors == before.tensors)
    try after.verify()
    try before.verify()
    // The same bytes as if written with those members at once.
    var direct = sample
    direct.manifest = manifest
    #expect(try contents(direct.write(to: folder, "b.quire")) == contents(path))
  }

  @Test func aCopyCanGrow() throws {
    let folder = TemporaryFolder()
    let sample = SamplePack.small()
    let writer = try PackWriter(
      path: folder.path + "/b.quire", copying: try PackReader(path: sample.write(to: folder)))
    var tensor = sample.tensors[1]
    tensor.name = "again"
    try sample.add(tensor, to: writer)
    try writer.finish(manifest: PackManifest())
    let reader = try PackReader(path: folder.path + "/b.quire")
    #expect(reader.tensor("again")?.streams == reader.tensor("embedding")?.streams)
    try reader.verify()
  }
}
