import Foundation
import QuirePacks
import TestSupport
import Testing

/// Delta packs with differences, checksums all right, whose frames, factors or sources lie.
@Suite struct HostileDifferenceTests {
  /// A parent with the int4 matrix "m", [64, 64], and a delta pack with the same weights as differences, scaled by factors
  /// of 1.
  struct Forge {
    var name = "m"
    var frameBytes = 2048
    var codesFrom = "difference"
    var scalesFrom = "file"
    var hasFactors = true
    /// A bf16 number.
    var factor: UInt16 = 0x3F80
    /// A bf16 number.
    var scale: UInt16 = 0x3C3C
    /// A second tensor, of this name and with the same frames.
    var twin: String?

    static let codes = [UInt8](repeating: 0x9A, count: 2048)

    static func numbers(_ number: UInt16, _ count: Int) -> [UInt8] {
      (0..<count).flatMap { _ in PackForge.number(number) }
    }

    /// bf16 numbers as a frame has them.
    static func planes(_ number: UInt16, _ count: Int) -> [UInt8] {
      let rotated = number << 1 | number >> 15
      return [UInt8](repeating: UInt8(rotated >> 8), count: count)
        + [UInt8](repeating: UInt8(rotated & 255), count: count)
    }

    static func stream(
      _ kind: String, raw: [UInt8], frames: [PackForge.Frame], frameBytes: Int, firstFrame: Int, from: String?
    ) -> String {
      """
      {"kind":"\(kind)","rawBytes":\(raw.count),"frameBytes":\(frameBytes),"firstFrame":\(firstFrame),\
      "hash":"\(PackForge.digits(raw))","packedHash":"\(PackForge.digits(frames.flatMap(\.bytes)))"\
      \(from.map { ",\"from\":\"\($0)\"" } ?? "")}
      """
    }

    static let parent: PackForge = {
      var forge = PackForge()
      let scales = numbers(0x3C3C, 64)
      forge.frames = [.init(codes), .init(scales)]
      let streams =
        stream(
          "codes", raw: codes, frames: [forge.frames[0]], frameBytes: 2048, firstFrame: 1, from: nil) + ","
        + stream(
          "scales", raw: scales, frames: [forge.frames[1]], frameBytes: 128, firstFrame: 2, from: nil)
      let tensors = ["m", "m2"].map {
        #"{"name":"\#($0)","shape":[64,64],"scheme":"int4","group":64,"streams":[\#(streams)]}"#
      }
      forge.manifest = #"{"tensors":[\#(tensors.joined(separator: ","))]}"#
      return forge
    }()

    func delta(contents: String) -> PackForge {
      var forge = PackForge()
      forge.flags = 1
      let differences = [UInt8](repeating: codesFrom == "file" ? 0x9A : 0x88, count: 2048)
      let pieces = stride(from: 0, to: 2048, by: frameBytes).map {
        PackForge.Frame(Array(differences[$0..<min($0 + frameBytes, 2048)]))
      }
      let scales = Self.numbers(scale, 64)
      let scaleFrame = PackForge.Frame(scales)
      forge.frames = pieces + [scaleFrame]
      var factors = "null"
      if hasFactors {
        let frame = PackForge.Frame(Self.planes(factor, 128))
        forge.frames.append(frame)
        factors = Self.stream(
          "bf16", raw: Self.numbers(factor, 128), frames: [frame], frameBytes: 256,
          firstFrame: pieces.count + 2, from: "file")
      }
      let codeStream = Self.stream(
        "codes", raw: Self.codes, frames: pieces, frameBytes: frameBytes, firstFrame: 1, from: codesFrom)
      let scaleStream = Self.stream(
        "scales", raw: scales, frames: [scaleFrame], frameBytes: 128, firstFrame: pieces.count + 1,
        from: scalesFrom)
      let tensors = [name, twin].compactMap { $0 }.map {
        #"{"name":"\#($0)","shape":[64,64],"scheme":"int4","group":64,"factors":\#(factors),"#
          + #""streams":[\#(codeStream),\#(scaleStream)]}"#
      }
      forge.manifest =
        #"{"parent":{"file":"base.quire","contents":"\#(contents)"},"tensors":[\#(tensors.joined(separator: ","))]}"#
      return forge
    }
  }

  let folder = TemporaryFolder()

  func open(_ forge: Forge) throws -> PackReader {
    let parent = try PackReader(path: folder.write(Forge.parent.bytes, to: "base.quire"))
    let contents = PackForge.hexadecimal(parent.contentsHash)
    return try PackReader(
      path: folder.write(forge.delta(contents: contents).bytes, to: "delta.quire"), parents: ParentSearch([]))
  }

  @Test func theForgeItselfIsAccepted() throws {
    let pack = try open(Forge())
    try pack.verify()
    let codes = pack.tensors[0].streams[0]
    #expect(codes.source == .difference(tensor: 0) && pack.tensors[0].factors != nil)
    #expect(try pack.bytes(0..<2048, of: codes) == Forge.codes)
  }

  static let faults: [(Forge, String)] = [
    (Forge(frameBytes: 1024), "frameBytes of codes of tensor \"m\" (a multiple of 1024, at least 1048576)"),
    (Forge(frameBytes: 1000), "frameBytes of codes of tensor \"m\" (a multiple of 1024, at least 1048576)"),
    (Forge(scalesFrom: "difference"), "source of scales of tensor \"m\""),
    (Forge(codesFrom: "file"), "factors of tensor \"m\" (null without differences)"),
    (Forge(name: "x"), "found differences without codes of that shape in the parent"),
    (Forge(twin: "m2"), "found frames that belong to another stream"),
    (Forge(scalesFrom: "parent"), "frameBytes of scales of tensor \"m\" (null for a stream of the parent)"),
  ]

  @Test(arguments: faults.indices)
  func aLieIsRefused(_ index: Int) throws {
    let (forge, expected) = Self.faults[index]
    let error = #expect(throws: PackError.self) { try open(forge) }
    #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [0x7F80, 0xFF80, 0x7FC0] as [UInt16])
  func factorsMustBeFinite(_ factor: UInt16) throws {
    let pack = try open(Forge(factor: factor))
    let error = #expect(throws: PackError.self) { try pack.verify() }
    #expect(error?.description.contains("list of finite factors of tensor \"m\"") == true)
    #expect(throws: PackError.self) { try pack.contents(0..<10, of: pack.tensors[0].streams[0]) }
  }

  /// Ratios that are infinite, not numbers or beyond every code give other codes, which the hash notices.
  @Test(arguments: [0, 0x7F80, 0x7FC0, 0x0001, 0x8000] as [UInt16])
  func uselessScalesAreNoticed(_ scale: UInt16) throws {
    let pack = try open(Forge(scale: scale))
    let error = #expect(throws: PackError.self) { try pack.verify() }
    #expect(error?.description.contains("found a wrong checksum of its contents") == true)
  }

  @Test func aParentNeedsAUsableName() throws {
    let path = folder.write(Forge.parent.bytes, to: "two\nlines.quire")
    let error = #expect(throws: PackError.self) {
      try PackWriter(path: folder.path + "/x.quire", parent: PackReader(path: path))
    }
    #expect(error?.description.hasSuffix("rename the parent") == true)
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/x.quire.partial"))
  }
}
