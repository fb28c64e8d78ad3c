import Foundation
import TestSupport
import Testing

/// Files that are no packs, packs that were damaged on their way, and packs that lie.
@Suite struct BadPackTests {
  /// Every command that reads a pack.
  private static func commands(_ pack: String, output: String) -> [[String]] {
    [
      ["verify", pack, "--quiet"], ["inspect", pack, "--json"],
      ["generate", pack, "--prompt", "x", "--max-tokens", "1", "--quiet"],
      ["logits", pack, "--tokens", "1", "--output", output],
      ["export", pack, "--format", "gguf", "--output", output, "--quiet"],
    ]
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let parts: [String]

    init(_ name: String, _ forge: PackForge, _ parts: [String]) {
      self.init(name, forge.bytes, parts)
    }
    init(_ name: String, _ bytes: [UInt8], _ parts: [String]) {
      testDescription = name
      self.bytes = bytes
      self.parts = parts
    }
  }

  private static func changed(_ change: (inout PackForge) -> Void) -> PackForge {
    var forge = PackForge.oneTensor()
    change(&forge)
    return forge
  }

  private static func manifest(_ text: String) -> PackForge { changed { $0.manifest = text } }

  private static let distrust = "do not trust this file"

  static let cases: [Case] = [
    .init("an empty file", [UInt8](), ["expected a pack at", "found an empty file", "quire convert"]),
    .init("text", Array("Hello, pack.\n".utf8), ["expected a pack at", "found", "quire convert"]),
    .init(
      "another version", changed { $0.version = 2 },
      ["expected version 1 of the pack format", "found version 2", "convert the checkpoint again"]),
    .init(
      "a length of 2^63", changed { $0.tailChanges = [0: 1 << 63] },
      ["expected a whole pack", "where 9223372036854775808 belong", "copy the file again"]),
    .init(
      "a manifest beyond the file", changed { $0.tailChanges = [3: 1 << 40] },
      ["expected a valid seek table", "found", distrust]),
    .init(
      "a bomb", changed { $0.seekChanges = [1: (144, 144 * 256 + 1)] },
      ["expected a valid ratio of frame 1", "found 36865 bytes from 144", distrust]),
    .init(
      "a manifest that is no JSON", manifest("{"), ["expected a valid JSON text", "found a fault", distrust]),
    .init(
      "a manifest that is deep", manifest(String(repeating: "[", count: 100_000)),
      ["expected a valid JSON text", "nested", distrust]),
    .init(
      "tensors that are a number", manifest("{\"tensors\":1e308}"),
      ["expected a valid list \"tensors\"", "found a number", distrust]),
    .init(
      "a shape beyond memory", PackForge.oneTensor(shape: "[4611686018427387904,4]"),
      ["expected a valid", "tensor \"t\"", "found", distrust]),
    .init(
      "a size of 2^63 - 1", PackForge.oneTensor(rawBytes: "9223372036854775807"),
      ["expected a valid", "tensor \"t\"", "found", distrust]),
    .init(
      "one name twice",
      changed { forge in
        let list = forge.manifest.dropFirst(12).dropLast(2)
        forge.manifest = "{\"tensors\":[\(list),\(list)]}"
      }, ["expected a valid list of tensors with names of their own", "found \"t\" twice", distrust]),
    .init(
      "a name that moves the cursor", PackForge.oneTensor(name: "\"a\\u001b[2J\""),
      ["expected a valid name of tensor 0", "found one with a control character", distrust]),
  ]

  @Test(arguments: cases)
  func everyCommandRefuses(_ bad: Case) throws {
    let folder = TemporaryFolder()
    let pack = folder.write(bad.bytes, to: "bad.quire")
    for words in Self.commands(pack, output: folder.path + "/logits") {
      expectRefusal(try BuiltProgram.quire.run(words), by: words[0], bad.parts)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["bad.quire"])
  }

  /// A sound pack that no conversion made: nothing but a tensor in it.
  @Test func aPackWithoutAModel() throws {
    let folder = TemporaryFolder()
    let pack = folder.write(PackForge.oneTensor().bytes, to: "odd.quire")
    #expect(try BuiltProgram.quire.run("verify", pack, "--quiet").status == 0)
    for words in Self.commands(pack, output: folder.path + "/logits").dropFirst() {
      expectRefusal(try BuiltProgram.quire.run(words), by: words[0], [])
    }
  }

  /// A pack whose bytes are right and whose tensors are not those of its configuration.
  @Test func aPackWithoutAllTensors() throws {
    let folder = TemporaryFolder()
    TinyCheckpoint().write(to: folder)
    let configuration = try String(contentsOfFile: folder.path + "/config.json", encoding: .utf8)
    var forge = PackForge.oneTensor(name: "\"model.norm.weight\"")
    forge.manifest = "{\"configuration\":" + configuration + "," + forge.manifest.dropFirst()
    let pack = folder.write(forge.bytes, to: "part.quire")
    expectRefusal(
      try BuiltProgram.quire.run("verify", pack, "--quiet"), by: "verify",
      [
        "expected a valid list of the model's tensors", "found 1 of ", " tensors, without \"",
        "do not trust this file",
      ])
  }

  /// Tensors that share a stream, so that a small file asks for a hundred times as much memory as it may.
  @Test(arguments: [40_000, 4000])
  func aPackThatAsksForMuchMemory(_ tensorCount: Int) throws {
    let folder = TemporaryFolder()
    let bytes = tensorCount == 4000 ? 1 << 20 : 1 << 17
    var forge = PackForge.oneTensor(
      shape: "[\(bytes / 2)]", rawBytes: "\(bytes)", frameBytes: "\(bytes)",
      frames: [PackForge.Frame([UInt8](repeating: 7, count: bytes))])
    let list = String(forge.manifest.dropFirst(12).dropLast(2))
    let tensors = (0..<tensorCount).map { list.replacing("\"t\"", with: "\"\($0)\"") }
    forge.manifest = "{\"tensors\":[" + tensors.joined(separator: ",") + "]}"
    let pack = folder.write(forge.bytes, to: "bomb.quire")
    // A gigabyte of address space is enough to find out.
    let shell = try #require(Tool("bash"))
    for words in Self.commands(pack, output: folder.path + "/logits") {
      expectRefusal(
        try shell.run(["-c", "ulimit -v 2000000; exec \"$0\" \"$@\"", BuiltProgram.quire.path] + words),
        by: words[0], ["expected a valid total size of tensors", "found more", "do not trust this file"])
    }
  }

  @Test func placesThatAreNoPack() throws {
    let folder = TemporaryFolder()
    let pipe = folder.path + "/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    let advice = "give the path of a .quire file"
    for (path, found) in [
      (folder.path, "found: it is a folder"), ("/dev/zero", "found: it is not a regular file"),
      (pipe, "found: it is a pipe"), (folder.path + "/absent", "found: no such file or directory"),
    ] {
      expectRefusal(
        try BuiltProgram.quire.run("verify", path), by: "verify",
        ["expected a readable pack at", found, advice],
        "\(path)")
    }
    for command in ["inspect", "chat", "serve", "bench", "tokenize"] {
      for path in ["/dev/zero", pipe] {
        expectRefusal(
          try BuiltProgram.quire.run(command, path), by: command,
          ["expected a readable pack at \(path)", advice])
      }
    }
    let conversion = try BuiltProgram.quire.run(
      "convert", "/dev/zero", "--recipe", "r", "--output", folder.path + "/out")
    expectRefusal(conversion, by: "convert", ["expected a readable pack at /dev/zero", advice])
  }

  @Test func everyTruncationIsNoticed() throws {
    let place = Workplace()
    let pack = try [UInt8](Data(contentsOf: URL(fileURLWithPath: place.pack())))
    var generator = SeededGenerator(seed: 71)
    let lengths =
      [1, 8, 23, 24, pack.count - 1] + (0..<24).map { _ in Int.random(in: 1..<pack.count, using: &generator) }
    for length in lengths {
      let path = place.checkpoint.write(pack.prefix(length), to: "cut.quire")
      expectRefusal(
        try BuiltProgram.quire.run("verify", path, "--quiet"), by: "verify",
        ["expected a ", " pack ", "found"],
        "\(length) of \(pack.count) bytes")
    }
    let longer = place.checkpoint.write(pack + [0], to: "long.quire")
    expectRefusal(
      try BuiltProgram.quire.run("verify", longer, "--quiet"), by: "verify", ["expected a whole pack"])
  }

  @Test func everyFlippedBitIsNoticed() throws {
    let place = Workplace()
    let pack = try [UInt8](Data(contentsOf: URL(fileURLWithPath: place.pack())))
    var generator = SeededGenerator(seed: 72)
    // The middle is weights; manifest, tail and seek table at the end are a few kilobytes.
    let positions =
      (0..<24).map { _ in Int.random(in: 0..<pack.count, using: &generator) }
      + (0..<16).map { _ in Int.random(in: pack.count - 2000..<pack.count, using: &generator) }
      + (0..<8).map { _ in Int.random(in: 0..<24, using: &generator) }
    for position in positions {
      var flipped = pack
      flipped[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      let path = place.checkpoint.write(flipped, to: "flipped.quire")
      let comment: Comment = "byte \(position) of \(pack.count)"
      expectRefusal(
        try BuiltProgram.quire.run("verify", path, "--quiet"), by: "verify", ["expected ", ", found "],
        comment)
      // Loading reads every frame of every tensor, so it notices as well.
      expectRefusal(
        try BuiltProgram.quire.run("generate", path, "--prompt", "x", "--max-tokens", "1"), by: "generate",
        ["expected ", ", found "], comment)
    }
  }
}
