import Foundation
import QuireFiles
import QuireJSON
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// Delta packs: what they hold, that reading gives the same bytes as the whole pack, and that they become whole again.
@Suite struct DeltaPackTests {
  let folder = TemporaryFolder()

  func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  /// The bytes of every stream of a pack.
  func streams(_ pack: PackReader) throws -> [String: [UInt8]] {
    var bytes: [String: [UInt8]] = [:]
    for tensor in pack.tensors {
      for stream in tensor.streams {
        bytes["\(tensor.name) \(stream.kind)"] = try pack.bytes(0..<stream.rawBytes, of: stream)
      }
    }
    return bytes
  }

  @discardableResult
  func write(_ sample: SamplePack, _ name: String, parent: String, threads: Int = 1) throws -> String {
    let path = folder.path + "/" + name
    let writer = try PackWriter(
      path: path, team: threads > 1 ? ThreadTeam(threadCount: threads) : nil,
      parent: PackReader(wholePackAt: parent))
    for tensor in sample.tensors { try sample.add(tensor, to: writer) }
    try writer.finish(manifest: sample.manifest)
    return path
  }

  func flatten(_ path: String, _ name: String) throws -> String {
    let pack = try PackReader(path: path)
    let flat = folder.path + "/" + name
    let writer = try PackWriter(path: flat)
    try writer.addTensors(of: pack, team: nil)
    try writer.finish(manifest: pack.manifest)
    return flat
  }

  @Test func aDeltaPackReadsAsTheWholeOne() throws {
    let parent = try VersionedPack.parent.write(to: folder, "base.quire")
    for version in VersionedPack.versions {
      let whole = try version.sample.write(to: folder, "whole.quire")
      let delta = try write(version.sample, "delta.quire", parent: parent)
      let (one, other) = (try PackReader(path: whole), try PackReader(path: delta))
      #expect(try streams(one) == streams(other), "\(version)")
      #expect(one.contentsHash == other.contentsHash)
      try other.verify()
      try other.verify(team: ThreadTeam(threadCount: 3))
      #expect(try contents(flatten(delta, "flat.quire")) == contents(whole), "\(version)")
      #expect(
        other.fileBytes < one.fileBytes / version.factor, "\(version): \(other.fileBytes) of \(one.fileBytes)"
      )
      #expect(other.tensors.contains { $0.factors != nil } == version.isScaled, "\(version)")
    }
  }

  /// The parent may be in any format; the second reader checks the same in `agreesOnParentsOfAllFormats`.
  @Test func theParentMayHaveAnyFormat() throws {
    let sample = VersionedPack.versions[0].sample
    let whole = try sample.write(to: folder, "whole.quire")
    for (index, parent) in VersionedPack.parents.enumerated() {
      let delta = try writeDelta(fromParent: index)
      let pack = try PackReader(path: delta)
      try pack.verify()
      #expect(try streams(pack) == streams(PackReader(path: whole)), "\(parent.name)")
      #expect(try contents(flatten(delta, "flat.quire")) == contents(whole), "\(parent.name)")
      let differences = pack.tensors.count { $0.streams[0].source != .file }
      #expect(differences >= 3, "\(parent.name): \(differences)")
    }
  }

  func writeDelta(fromParent index: Int) throws -> String {
    let parent = try VersionedPack.parents[index].sample.write(to: folder, "parent\(index).quire")
    return try write(VersionedPack.versions[0].sample, "from\(index).quire", parent: parent)
  }

  @Test func itsBytesDoNotDependOnThreadsOrOnTheWay() throws {
    let parent = try VersionedPack.parent.write(to: folder, "base.quire")
    let sample = VersionedPack.versions[1].sample
    let direct = try contents(write(sample, "a.quire", parent: parent))
    #expect(try contents(write(sample, "b.quire", parent: parent, threads: 3)) == direct)
    let whole = try PackReader(path: sample.write(to: folder, "whole.quire"))
    let again = folder.path + "/c.quire"
    let writer = try PackWriter(path: again, parent: PackReader(wholePackAt: parent))
    try writer.addTensors(of: whole, team: nil)
    try writer.finish(manifest: whole.manifest)
    #expect(try contents(again) == direct)
  }

  @Test func aKilledWriterResumes() throws {
    let parent = try VersionedPack.parent.write(to: folder, "base.quire")
    let sample = VersionedPack.versions[1].sample
    let direct = try contents(write(sample, "a.quire", parent: parent))
    let path = folder.path + "/b.quire"
    for (done, end) in [(0, 2), (2, 4), (4, sample.tensors.count)] {
      let writer = try PackWriter(path: path, resumeKey: "k", parent: PackReader(wholePackAt: parent))
      #expect(writer.tensors.count == done)
      for tensor in sample.tensors[done..<end] {
        try sample.add(tensor, to: writer)
        try writer.endPart(note: tensor.name)
      }
      if end == sample.tensors.count { try writer.finish(manifest: sample.manifest) }
    }
    #expect(try contents(path) == direct)
  }

  @Test func someRowsAreReadFromTheirFramesOnly() throws {
    let parent = try VersionedPack.parent.write(to: folder, "base.quire")
    let pack = try PackReader(path: write(VersionedPack.versions[2].sample, "a.quire", parent: parent))
    let codes = try #require(pack.tensor("deep")?.stream(.codes))
    #expect(codes.frameCount > 1)
    let whole = try pack.bytes(0..<codes.rawBytes, of: codes)
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<20 {
      let start = Int.random(in: 0..<codes.rawBytes, using: &generator)
      let end = Int.random(in: start...codes.rawBytes, using: &generator)
      let part = try pack.bytes(start..<end, of: codes, team: ThreadTeam(threadCount: 2))
      #expect(part.elementsEqual(whole[start..<end]))
    }
    #expect(PackReader.framePositions(of: 0..<1, in: codes) == 0..<1)
    #expect(PackReader.framePositions(of: codes.frameBytes - 1..<codes.frameBytes + 1, in: codes) == 0..<2)
    #expect(PackReader.framePositions(of: 5..<5, in: codes).isEmpty)
  }

  @Test func aChangedManifestKeepsTheParent() throws {
    let parent = try VersionedPack.parent.write(to: folder, "base.quire")
    let path = try write(VersionedPack.versions[0].sample, "a.quire", parent: parent)
    let before = try PackReader(path: path)
    var manifest = before.manifest
    manifest.rows = [["step": "x"]]
    try PackWriter(path: path, copying: before).finish(manifest: manifest)
    let after = try PackReader(path: path)
    #expect(after.manifest.rows == [["step": "x"]] && after.tensors == before.tensors)
    try after.verify()
    // The parent may get other members too.
    let whole = try PackReader(path: parent)
    try PackWriter(path: parent, copying: whole).finish(manifest: manifest)
    try PackReader(path: path).verify()
  }
}

/// The second reader, from the document, on delta packs.
extension SecondReaderTests {
  @Test(.enabled(if: hasNumpy, "needs numpy"))
  func agreesOnDeltaPacks() throws {
    let tests = DeltaPackTests()
    let parent = try VersionedPack.parent.write(to: tests.folder, "base.quire")
    try expectAgreement(
      VersionedPack.versions.enumerated().map { index, version in
        try tests.write(version.sample, "\(index).quire", parent: parent)
      })
  }

  @Test(.enabled(if: hasNumpy, "needs numpy"))
  func agreesOnParentsOfAllFormats() throws {
    let tests = DeltaPackTests()
    try expectAgreement(VersionedPack.parents.indices.map(tests.writeDelta(fromParent:)))
  }

  private func expectAgreement(_ paths: [String]) throws {
    for (path, report) in zip(paths, try reports(paths)) {
      let found = try #require(report["tensors"]?.arrayValue, "\(report)")
      let expected = try PackReader(path: path).tensors.map { tensor -> JSONValue in
        [
          "name": .string(tensor.name), "shape": .array(tensor.shape.map { .int($0) }),
          "scheme": .string(tensor.scheme), "group": tensor.group.map { .int($0) } ?? .null,
          "rawBytes": .int(tensor.rawBytes), "packedBytes": .int(tensor.packedBytes),
          "hashes": .array(tensor.streams.map { .string(ContentHash.hexadecimal($0.hash)) }),
        ]
      }
      #expect(found == expected)
    }
  }

  private static let hasNumpy = (try? Tool("python3")?.run("-c", "import numpy").status) == 0
}
