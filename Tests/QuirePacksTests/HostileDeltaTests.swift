import Foundation
import QuirePacks
import TestSupport
import Testing

/// Delta packs whose checksums are right and whose parent or contents lie.
@Suite struct HostileDeltaTests {
  let folder = TemporaryFolder()

  /// A parent: the bf16 vector "t" of 64 numbers.
  func writeParent(_ name: String = "base.quire") -> String {
    folder.write(PackForge.oneTensor().bytes, to: name)
  }

  static let contents = "CONTENTS"

  /// A delta pack of one tensor that is the parent's.
  static func inherited(file: String = "\"base.quire\"", contents: String = "\"\(contents)\"") -> PackForge {
    var forge = PackForge.oneTensor(frameBytes: "null", firstFrame: "null", packedHash: "null")
    forge.frames = []
    forge.flags = 1
    forge.manifest.replace("\"packedHash\":null}", with: "\"packedHash\":null,\"from\":\"parent\"}")
    forge.manifest.replace("\"group\":null,", with: "\"group\":null,\"factors\":null,")
    forge.manifest = "{\"parent\":{\"file\":\(file),\"contents\":\(contents)}," + forge.manifest.dropFirst()
    return forge
  }

  func path(_ forge: PackForge, _ name: String = "delta.quire") throws -> String {
    var forge = forge
    let hash = PackForge.hexadecimal(try PackReader(path: writeParent()).contentsHash)
    forge.manifest.replace(Self.contents, with: hash)
    return folder.write(forge.bytes, to: name)
  }

  func sentence(_ path: String, parents: [String] = []) -> String {
    let error = #expect(throws: PackError.self) {
      try PackReader(path: path, parents: ParentSearch(parents))
    }
    return error?.description.replacing(folder.path, with: "FOLDER") ?? ""
  }

  @Test func theForgeItselfIsAccepted() throws {
    let pack = try PackReader(path: path(Self.inherited()))
    try pack.verify()
    #expect(pack.tensors[0].streams[0].source == .parent && pack.tensors[0].packedBytes == 0)
  }

  static let faults: [(String, @Sendable (inout PackForge) -> Void, String)] = [
    (
      "no parent", { $0.manifest.replace("\"parent\":{", with: "\"other\":{") },
      "member \"parent\" in FOLDER/delta.quire, found none"
    ),
    (
      "a name with a slash", { $0.manifest.replace("\"base.quire\"", with: "\"../base.quire\"") },
      "found something else than a file and a hash"
    ),
    (
      "a name of a folder", { $0.manifest.replace("\"base.quire\"", with: "\"..\"") },
      "found something else than a file and a hash"
    ),
    (
      "a hash in capitals", { $0.manifest.replace("CONTENTS", with: "ABCDEF0123456789") },
      "found something else than a file and a hash"
    ),
    (
      "an unknown member of the parent", { $0.manifest.replace("\"file\":", with: "\"x\":1,\"file\":") },
      "found something else than a file and a hash"
    ),
    (
      "no source", { $0.manifest.replace(",\"from\":\"parent\"", with: "") },
      "member \"from\" of bf16 of tensor \"t\" in FOLDER/delta.quire, found none"
    ),
    (
      "an unknown source", { $0.manifest.replace("\"from\":\"parent\"", with: "\"from\":\"cloud\"") },
      "source of bf16 of tensor \"t\" (\"file\", \"parent\" or \"difference\")"
    ),
    ("no factors", { $0.manifest.replace("\"factors\":null,", with: "") }, "member \"factors\" of tensor 0"),
    (
      "factors of a vector", { $0.manifest.replace("\"factors\":null", with: "\"factors\":{}") },
      "factors of tensor \"t\" (a matrix) in FOLDER/delta.quire, found 1 sizes"
    ),
    (
      "a stream that the parent does not have",
      {
        $0.manifest.replace("\"hash\":\"", with: "\"hash\":\"0");
        $0.manifest = HostilePackTests.shortenHash($0.manifest)
      }, "hash of bf16 of tensor \"t\" (that of a stream in FOLDER/base.quire)"
    ),
    (
      "a frame of a stream of the parent",
      { $0.manifest.replace("\"firstFrame\":null", with: "\"firstFrame\":1") },
      "firstFrame of bf16 of tensor \"t\" (null for a stream of the parent)"
    ),
    (
      "the flag is missing", { $0.flags = 0 },
      "manifest of a whole pack in FOLDER/delta.quire, found the member \"parent\""
    ),
    ("another flag", { $0.flags = 3 }, "found flags that version 1 does not have"),
  ]

  @Test(arguments: faults.indices)
  func givesItsSentence(_ index: Int) throws {
    let (_, change, expected) = Self.faults[index]
    var forge = Self.inherited()
    change(&forge)
    let found = sentence(try path(forge))
    #expect(found.contains(expected), "\(found)")
  }

  /// Differences of a vector, and of a matrix that the parent does not have.
  @Test func differencesFromNothing() throws {
    var forge = PackForge.oneTensor()
    forge.flags = 1
    forge.manifest.replace("\"}]}", with: "\",\"from\":\"difference\"}]}")
    forge.manifest.replace("\"group\":null,", with: "\"group\":null,\"factors\":null,")
    forge.manifest =
      "{\"parent\":{\"file\":\"base.quire\",\"contents\":\"CONTENTS\"}," + forge.manifest.dropFirst()
    #expect(
      sentence(try path(forge)).contains(
        "source of bf16 of tensor \"t\" in FOLDER/delta.quire, found differences without codes of that shape")
    )
  }

  @Test func missingAndOtherParents() throws {
    let delta = try path(Self.inherited())
    let elsewhere = TemporaryFolder()
    let moved = elsewhere.write(try Data(contentsOf: URL(fileURLWithPath: delta)), to: "delta.quire")
    let missing = sentence(moved).replacing(elsewhere.path, with: "ELSEWHERE")
    #expect(missing.hasPrefix("expected the pack base.quire with the contents "))
    #expect(
      missing.hasSuffix(
        ", from which ELSEWHERE/delta.quire takes tensors, found none; copy it next to ELSEWHERE/delta.quire or give its path with --parent"
      ))
    // Nothing at a given path is refused although the parent is found elsewhere.
    let nothing = #expect(throws: PackError.self) {
      try PackReader(path: delta, parents: ParentSearch([folder.path, elsewhere.path + "/none"]))
    }
    #expect(nothing?.description.contains("found nothing at the given path \(elsewhere.path)/none") == true)
    for place in [folder.path, folder.path + "/base.quire"] {
      #expect(try PackReader(path: moved, parents: ParentSearch([place])).parent != nil)
    }
    var other = PackForge.oneTensor()
    other.manifest.replace("\"t\"", with: "\"u\"")
    let wrong = elsewhere.write(other.bytes, to: "base.quire")
    #expect(sentence(moved).contains("found \(wrong) with the contents "))
    // The right one is found although the first one tried is another.
    #expect(
      try PackReader(path: moved, parents: ParentSearch([wrong, folder.path])).parent?.tensors.count == 1)
    // What the user gives is none, and it lies beside the pack.
    for given in [[], [wrong], [elsewhere.path], [folder.path], [wrong, folder.path]] {
      let found = try PackReader(path: delta, parents: ParentSearch(given)).parentNotice
      #expect((found != nil) == (given == [wrong] || given == [elsewhere.path]))
      guard let found else { continue }
      #expect(
        found
          == "expected the parent of \(delta) at \(given[0]), found it only at \(folder.path)/base.quire, which is used; "
          + "correct --parent or leave it out")
    }
    #expect(try PackReader(path: delta, parents: ParentSearch([], standing: [wrong])).parentNotice == nil)
    // Named as its parent, in another folder.
    let alike = TemporaryFolder()
    let named = alike.write(try Data(contentsOf: URL(fileURLWithPath: delta)), to: "base.quire")
    #expect(try PackReader(path: named, parents: ParentSearch([alike.path, folder.path])).parent != nil)
    #expect(sentence(named).hasSuffix("found none; give its path with --parent"))
    elsewhere.write([1, 2, 3], to: "base.quire")
    #expect(sentence(moved).contains("expected a pack at \(wrong)"))
  }

  /// A delta pack as the parent: of another one, of itself, and two of each other.
  @Test func chainsAndCycles() throws {
    let delta = try path(Self.inherited())
    let whole = try PackReader(path: delta)
    let hash = PackForge.hexadecimal(whole.contentsHash)
    for (name, file) in [
      ("delta.quire", "delta.quire"), ("a.quire", "delta.quire"), ("b.quire", "c.quire"),
      ("c.quire", "b.quire"),
    ] {
      folder.write(Self.inherited(file: "\"\(file)\"", contents: "\"\(hash)\"").bytes, to: name)
    }
    // A pack is not looked at as its own parent.
    #expect(
      sentence(delta)
        == "expected the pack delta.quire with the contents \(hash), from which FOLDER/delta.quire takes tensors, found none; "
        + "give its path with --parent")
    for (name, file) in [("a.quire", "delta.quire"), ("b.quire", "c.quire")] {
      #expect(
        sentence(folder.path + "/" + name)
          == "expected a whole pack at FOLDER/\(file), found a delta pack; make it whole with `quire flatten`"
      )
    }
    #expect(throws: PackError.isDelta(path: delta)) {
      try PackWriter(path: folder.path + "/x.quire", parent: whole)
    }
  }

  /// A parent that was damaged after the delta pack was opened or checked.
  @Test func aDamagedParentIsNoticed() throws {
    let parent = try VersionedPack.parent.write(to: folder, "base.quire")
    let tests = DeltaPackTests()
    let delta = try tests.write(VersionedPack.versions[0].sample, "d.quire", parent: parent)
    let own = folder.write(try tests.contents(delta), to: "d.quire")
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: parent)))
    bytes[bytes.count / 2] ^= 1
    folder.write(bytes, to: "base.quire")
    let pack = try PackReader(path: own)
    let error = #expect(throws: PackError.self) { try pack.verify() }
    #expect(error?.description.contains(parent) == true)
  }
}
