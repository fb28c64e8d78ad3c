import Foundation
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// Packs whose checksums are right and whose contents lie.
@Suite struct HostilePackTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let sentence: String

    /// `sentence` is what stands between "expected a valid " and the advice, by default.
    init(_ name: String, _ forge: PackForge, _ sentence: String, isWhole: Bool = false) {
      testDescription = name
      bytes = forge.bytes
      self.sentence = isWhole ? sentence : "expected a valid \(sentence); do not trust this file"
    }
  }

  static func changed(_ forge: PackForge, _ change: (inout PackForge) -> Void) -> PackForge {
    var forge = forge
    change(&forge)
    return forge
  }

  static let damagedAdvice = "; copy the file again or convert the checkpoint again"

  static let structure: [Case] = [
    .init(
      "version 0", changed(.oneTensor()) { $0.version = 0 },
      "expected version 1 of the pack format in FILE, found version 0; read it with the program that wrote it, or "
        + "convert the checkpoint again", isWhole: true),
    .init(
      "version 2", changed(.oneTensor()) { $0.version = 2 },
      "expected version 1 of the pack format in FILE, found version 2; read it with the program that wrote it, or "
        + "convert the checkpoint again", isWhole: true),
    .init(
      "flags in the head", changed(.oneTensor()) { $0.flags = 2 },
      "expected an intact head in FILE, found flags that version 1 does not have" + damagedAdvice,
      isWhole: true),
    .init(
      "another version in the tail", changed(.oneTensor()) { $0.tailVersion = 2 },
      "tail in FILE, found version 2 and flags 0"),
    .init(
      "file size in the tail", changed(.oneTensor()) { $0.tailChanges = [0: 1 << 63] },
      "expected a whole pack in FILE, found SIZE bytes where 9223372036854775808 belong" + damagedAdvice,
      isWhole: true),
    .init(
      "manifest place in the tail", changed(.oneTensor()) { $0.tailChanges = [1: .max] },
      "seek table in FILE, found another manifest than the tail"),
    .init(
      "manifest size in the tail", changed(.oneTensor()) { $0.tailChanges = [3: 1 << 40] },
      "seek table in FILE, found another manifest than the tail"),
    .init(
      "manifest hash", changed(.oneTensor()) { $0.tailChanges = [4: 0] },
      "expected an intact manifest in FILE, found a wrong checksum" + damagedAdvice, isWhole: true),
    .init(
      "declared total", changed(.oneTensor()) { $0.tailChanges = [6: 129] },
      "total of 129 bytes in FILE, found frames of 128"),
    .init(
      "frame sizes that do not add up", changed(.oneTensor()) { $0.seekChanges = [1: (1000, 128)] },
      "seek table in FILE, found frames of another size than the 475 bytes before it"),
    .init(
      "head of another size", changed(.oneTensor()) { $0.seekChanges = [0: (25, 0), 1: (143, 128)] },
      "seek table in FILE, found other sizes for head and tail"),
  ]

  static let frames: [Case] = [
    .init(
      "frame beyond 4 MiB", changed(.oneTensor()) { $0.seekChanges = [1: (144, 4_194_305)] },
      "size of frame 1 (1 to 4194304 bytes) in FILE, found 4194305"),
    .init(
      "empty frame", changed(.oneTensor()) { $0.seekChanges = [1: (144, 0)] },
      "size of frame 1 (1 to 4194304 bytes) in FILE, found 0"),
    .init(
      "a bomb", changed(.oneTensor()) { $0.seekChanges = [1: (144, 144 * 256 + 1)] },
      "ratio of frame 1 in FILE, found 36865 bytes from 144 in the file"),
    .init(
      "padding",
      .oneTensor(frames: [.init([UInt8](repeating: 7, count: 600), announcing: 1)]),
      "ratio of frame 1 in FILE, found 1 bytes from 616 in the file"),
    .init(
      "a frame nobody has", changed(.oneTensor()) { $0.frames.append(.init([1])) },
      "list of streams that has every frame in FILE, found no stream with frame 2"),
    .init(
      "manifest larger than its frame may be",
      changed(.oneTensor()) {
        $0.seekChanges = [2: (UInt32($0.manifest.utf8.count + 16), 1 << 27)]; $0.tailChanges = [3: 1 << 27]
      },
      "size of frame 2 (1 to 67108864 bytes) in FILE, found 134217728"),
  ]

  static let names: [Case] = [
    .init(
      "no JSON", changed(.oneTensor()) { $0.manifest = "{" + $0.manifest },
      "JSON text in FILE, found a fault at line 1, column 2: expected a key in double quotes, found '{'"),
    .init("an array", changed(PackForge()) { $0.manifest = "[]" }, "object in FILE, found an array"),
    .init("no tensors", changed(PackForge()) { $0.manifest = "{}" }, "list \"tensors\" in FILE, found none"),
    .init(
      "tensors is a number", changed(PackForge()) { $0.manifest = "{\"tensors\":9223372036854775808}" },
      "list \"tensors\" in FILE, found a number"),
    .init(
      "tensor is a number", changed(PackForge()) { $0.manifest = "{\"tensors\":[1]}" },
      "tensor 0 in FILE, found a number"),
    .init(
      "duplicate name",
      changed(.oneTensor()) { forge in
        let list = forge.manifest.dropFirst(12).dropLast(2)
        forge.manifest = "{\"tensors\":[\(list),\(list)]}"
      }, "list of tensors with names of their own in FILE, found \"t\" twice"),
    .init(
      "name in two spellings",
      changed(.oneTensor(name: "\"\\u00e9\"")) { forge in
        let list = forge.manifest.dropFirst(12).dropLast(2)
        forge.manifest = "{\"tensors\":[\(list),\(list.replacing("\\u00e9", with: "e\\u0301"))]}"
      }, "list of tensors with names of their own in FILE, found \"é\" twice"),
    .init(
      "empty name", .oneTensor(name: "\"\""),
      "name of tensor 0 (1 to 512 bytes) in FILE, found one of 0 bytes"),
    .init(
      "long name", .oneTensor(name: "\"\(String(repeating: "n", count: 513))\""),
      "name of tensor 0 (1 to 512 bytes) in FILE, found one of 513 bytes"),
    .init("name is null", .oneTensor(name: "null"), "name of tensor 0 in FILE, found null"),
    .init(
      "escape in a name", .oneTensor(name: "\"a\\u001b[2J\""),
      "name of tensor 0 in FILE, found one with a control character"),
    .init(
      "unknown member",
      changed(.oneTensor()) { $0.manifest.replace("\"shape\"", with: "\"offset\":0,\"shape\"") },
      "tensor 0 in FILE, found an unknown member \"offset\""),
    .init(
      "missing member", changed(.oneTensor()) { $0.manifest.replace("\"group\":null,", with: "") },
      "member \"group\" of tensor 0 in FILE, found none"),
  ]

  static let shapes: [Case] = [
    .init("rank 0", .oneTensor(shape: "[]"), "shape of tensor \"t\" (1 to 8 sizes) in FILE, found 0 sizes"),
    .init("size 0", .oneTensor(shape: "[64,0]"), "shape of tensor \"t\" in FILE, found 0"),
    .init("size -1", .oneTensor(shape: "[-1]"), "shape of tensor \"t\" in FILE, found -1"),
    .init(
      "size 2^63", .oneTensor(shape: "[9223372036854775808]"),
      "shape of tensor \"t\" in FILE, found 9223372036854775808"),
    .init("size 64.0", .oneTensor(shape: "[64.0]"), "shape of tensor \"t\" in FILE, found 64.0"),
    .init(
      "product that wraps", .oneTensor(shape: "[4294967296,4294967296,64]"),
      "scheme and shape of tensor \"t\" in FILE, found a shape of more than 2^48 elements or none"),
    .init(
      "other shape", .oneTensor(shape: "[65]"),
      "rawBytes of bf16 of tensor \"t\" (130 by its shape and scheme) in FILE, found 128"),
    .init(
      "unknown scheme", .oneTensor(scheme: "\"int3\""),
      "scheme and shape of tensor \"t\" in FILE, found the unknown scheme \"int3\""),
    .init("scheme is a number", .oneTensor(scheme: "4"), "scheme of tensor \"t\" in FILE, found a number"),
    .init("group 0", .oneTensor(group: "0"), "group of tensor \"t\" in FILE, found 0"),
    .init(
      "group without need", .oneTensor(group: "128"),
      "scheme and shape of tensor \"t\" in FILE, found a group where the scheme has none"),
    .init(
      "group that does not divide", .oneTensor(shape: "[2,96]", scheme: "\"int4\"", group: "64"),
      "scheme and shape of tensor \"t\" in FILE, found that int4: group 64 does not divide its width 96; choose a "
        + "group that does, or another scheme"),
    .init(
      "int8 of one size", .oneTensor(scheme: "\"int8\""),
      "scheme and shape of tensor \"t\" in FILE, found 1 sizes where int8 has rows and columns"),
    .init(
      "streams of another scheme", .oneTensor(shape: "[2,64]", scheme: "\"int8\""),
      "list of 2 streams for tensor \"t\" in FILE, found 1"),
    .init(
      "zero points missing", .oneTensor(shape: "[2,64]", scheme: "\"int4-asymmetric\"", group: "32"),
      "list of 3 streams for tensor \"t\" in FILE, found 1"),
    .init(
      "zero points with an odd width", .oneTensor(shape: "[2,36]", scheme: "\"int8-asymmetric\""),
      "scheme and shape of tensor \"t\" in FILE, found that int8-asymmetric: int8-asymmetric needs a width divisible "
        + "by 32, found 36; keep this matrix in bf16"),
    .init(
      "zero points of another size", .zeroPoints(kind: "zeros", rawBytes: 31),
      "rawBytes of zeros of tensor \"t\" (32 by its shape and scheme) in FILE, found 31"),
    .init(
      "zero points with a byte each", .zeroPoints(kind: "zeros", rawBytes: 64),
      "rawBytes of zeros of tensor \"t\" (32 by its shape and scheme) in FILE, found 64"),
    .init(
      "zero points under another kind", .zeroPoints(kind: "scales", rawBytes: 32),
      "kind of the stream zeros of tensor \"t\" in FILE, found \"scales\""),
    .init(
      "another kind", .oneTensor(kind: "\"raw\""),
      "kind of the stream bf16 of tensor \"t\" in FILE, found \"raw\""),
  ]

  static let places: [Case] = [
    .init(
      "rawBytes 2^63", .oneTensor(rawBytes: "9223372036854775808"),
      "rawBytes of bf16 of tensor \"t\" in FILE, found 9223372036854775808"),
    .init(
      "frameBytes 0", .oneTensor(frameBytes: "0"), "frameBytes of bf16 of tensor \"t\" in FILE, found 0"),
    .init(
      "frameBytes odd", .oneTensor(frameBytes: "127"),
      "frameBytes of bf16 of tensor \"t\" (an even number) in FILE, found 127"),
    .init(
      "frameBytes too large", .oneTensor(frameBytes: "4194306"),
      "frameBytes of bf16 of tensor \"t\" in FILE, found 4194306"),
    .init(
      "frames beyond the data", .oneTensor(frameBytes: "64"),
      "position of bf16 of tensor \"t\" among the frames from 1 to before 2 in FILE, found 2 frames from 1 on"
    ),
    .init(
      "frame 0 is the head", .oneTensor(firstFrame: "0"),
      "firstFrame of bf16 of tensor \"t\" in FILE, found 0"),
    .init(
      "frame 2 is the manifest", .oneTensor(firstFrame: "2"),
      "position of bf16 of tensor \"t\" among the frames from 1 to before 2 in FILE, found 1 frames from 2 on"
    ),
    .init(
      "firstFrame near 2^63", .oneTensor(firstFrame: "9223372036854775807"),
      "position of bf16 of tensor \"t\" among the frames from 1 to before 2 in FILE, found 1 frames from 9223372036854775807 on"
    ),
    .init(
      "frame of another size", .oneTensor(frames: [.init([UInt8](repeating: 7, count: 126))]),
      "size of frame 1 of bf16 of tensor \"t\" (128 bytes) in FILE, found 126 in the seek table"),
    .init(
      "hash that is no hash", .oneTensor(hash: "\"+123456789abcdef\""),
      "hash of bf16 of tensor \"t\" (16 hexadecimal digits) in FILE, found something else"),
    .init(
      "hash that is a number", .oneTensor(packedHash: "12"),
      "packedHash of bf16 of tensor \"t\" (16 hexadecimal digits) in FILE, found something else"),
    .init(
      "overlap",
      changed(
        .oneTensor(
          frameBytes: "64",
          frames: [.init([UInt8](repeating: 7, count: 64)), .init([UInt8](repeating: 7, count: 64))])
      ) { forge in
        let list = forge.manifest.dropFirst(12).dropLast(2)
        let other = list.replacing("\"t\"", with: "\"u\"").replacing("[64]", with: "[32]")
          .replacing("128", with: "64").replacing("\"firstFrame\":1", with: "\"firstFrame\":2")
        forge.manifest = "{\"tensors\":[\(list),\(other)]}"
      }, "position of bf16 of tensor \"u\" in FILE, found frames that belong to another stream"),
    .init(
      "sharing under another hash",
      changed(.oneTensor()) { forge in
        let list = forge.manifest.dropFirst(12).dropLast(2)
        let other = list.replacing("\"t\"", with: "\"u\"").replacing("\"hash\":\"", with: "\"hash\":\"0")
        forge.manifest = "{\"tensors\":[\(list),\(Self.shortenHash(String(other)))]}"
      }, "position of bf16 of tensor \"u\" in FILE, found frames that belong to another stream"),
  ]

  /// Takes the last digit of the first hash away, where one was put in front.
  static func shortenHash(_ text: String) -> String {
    let start = text.range(of: "\"hash\":\"")!.upperBound
    var result = text
    result.remove(at: text.index(start, offsetBy: 16))
    return result
  }

  static var cases: [Case] { structure + frames + names + shapes + places }

  @Test(arguments: cases)
  func givesItsSentence(_ hostile: Case) throws {
    let folder = TemporaryFolder()
    let path = folder.write(hostile.bytes, to: "hostile.quire")
    let error = #expect(throws: PackError.self) { try PackReader(path: path) }
    let found = error?.description.replacing(path, with: "FILE").replacing(
      "\(hostile.bytes.count)", with: "SIZE")
    let sentence = hostile.sentence.replacing("\(hostile.bytes.count)", with: "SIZE")
    #expect(found == sentence)
  }

  @Test func theForgeItselfIsAccepted() throws {
    let folder = TemporaryFolder()
    let reader = try PackReader(path: folder.write(PackForge.oneTensor().bytes, to: "a.quire"))
    try reader.verify()
    let back = HostBuffer<UInt16>(count: 64)
    try reader.read("t", stream: .bf16, into: back.bytes)
    #expect(back.buffer.allSatisfy { $0 == 0x8383 })
    #expect(try PackReader(path: folder.write(PackForge().bytes, to: "b.quire")).tensors == [])
    try PackReader(path: folder.write(PackForge.zeroPoints(kind: "zeros", rawBytes: 32).bytes, to: "z.quire"))
      .verify()
  }

  /// Frames that lie about themselves are met when they are read.
  @Test func framesThatLie() throws {
    let contents = [UInt8](repeating: 7, count: 128)
    let honest = PackForge.Frame(contents).bytes
    func frame(_ bytes: [UInt8]) -> PackForge.Frame {
      var frame = PackForge.Frame(contents)
      frame.bytes = bytes
      return frame
    }
    var unchecked = Array(honest.dropLast(4))
    unchecked[4] = 0xA0
    var otherMagic = honest
    otherMagic[0] = 0x29
    let cases: [(PackForge.Frame, String)] = [
      (frame(otherMagic), "no zstd frame with a checksum"),
      (frame(unchecked), "no zstd frame with a checksum"),
      (
        frame(PackForge.Frame(contents, announcing: 127).bytes),
        "a frame that announces 127 bytes where 128 belong"
      ),
      (
        frame(PackForge.Frame(contents, announcing: 1 << 31).bytes),
        "a frame that announces 2147483648 bytes where 128 belong"
      ),
      (frame(honest + [0]), "a frame of another size than its bytes"),
      (frame(honest + PackForge.Frame([]).bytes), "a frame of another size than its bytes"),
      (frame(Array(honest.dropLast())), "a frame of another size than its bytes"),
      (
        frame(Array(honest.dropLast()) + [honest.last! ^ 1]),
        "a frame that does not unpack (Restored data doesn't match checksum)"
      ),
    ]
    for (frame, fault) in cases {
      let folder = TemporaryFolder()
      let path = folder.write(PackForge.oneTensor(frames: [frame]).bytes, to: "a.quire")
      let reader = try PackReader(path: path)
      let error = #expect(throws: PackError.self) { try reader.verify() }
      #expect(error == .damaged(path: path, part: "frame 1", found: fault))
    }
  }

  @Test func manySharersCostLittle() throws {
    // Twenty thousand tensors that share one stream of a thousand frames.
    let frames = (0..<1000).map { _ in PackForge.Frame([7, 7]) }
    var forge = PackForge.oneTensor(
      shape: "[1000]", rawBytes: "2000", frameBytes: "2", frames: frames)
    let list = String(forge.manifest.dropFirst(12).dropLast(2))
    forge.manifest =
      "{\"tensors\":["
      + (0..<20_000).map { list.replacing("\"t\"", with: "\"\($0)\"") }.joined(separator: ",") + "]}"
    let folder = TemporaryFolder()
    let path = folder.write(forge.bytes, to: "a.quire")
    let clock = ContinuousClock()
    let start = clock.now
    #expect(try PackReader(path: path).tensors.count == 20_000)
    let elapsed = clock.now - start
    #expect(elapsed < .seconds(20))
  }

  @Test func placesThatAreNoPacks() throws {
    let folder = TemporaryFolder()
    func sentence(_ path: String) throws -> String {
      let error = #expect(throws: PackError.self) { try PackReader(path: path) }
      return try #require(error).description.replacing(folder.path, with: "FOLDER")
    }
    #expect(
      try sentence(folder.path + "/nowhere")
        == "expected a readable pack at FOLDER/nowhere, found: no such file or directory; "
        + "give the path of a .quire file, or - for one on the standard input")
    #expect(try sentence(folder.path).contains("found: it is a folder; "))
    #expect(try sentence("/dev/zero").contains("found: it is not a regular file; "))
    #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
    #expect(try sentence(folder.path + "/pipe").contains("found: it is a pipe; "))
    #expect(try sentence("").contains("found: the path is empty; "))
    #expect(
      try sentence(folder.write([], to: "empty"))
        == "expected a pack at FOLDER/empty, found an empty file; make packs with `quire convert`")
    #expect(
      try sentence(folder.write(Array("GGUF\u{3}\0\0\0more".utf8), to: "model.gguf"))
        == "expected a pack at FOLDER/model.gguf, found a file that starts with the bytes "
        + "47 47 55 46 03 00 00 00; make packs with `quire convert`")
  }
}
