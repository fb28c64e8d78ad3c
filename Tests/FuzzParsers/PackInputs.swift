import QuireFiles
import QuireJSON
import QuirePacks
import TestSupport

/// Packs and the journals of unfinished ones, with checksums put right.
enum PackInputs {
  static let words = [
    "\"tensors\"", "\"name\"", "\"shape\"", "\"scheme\"", "\"group\"", "\"streams\"", "\"kind\"", "\"codes\"",
    "\"scales\"", "\"raw\"", "\"bf16\"", "\"float32\"", "\"int4\"", "\"int8\"", "\"rawBytes\"",
    "\"zeros\"", "\"int4-asymmetric\"", "\"int8-asymmetric-float16\"", "\"nl4\"", "\"nl3\"", "\"levels\"",
    "\"frameBytes\"",
    "\"firstFrame\"", "\"hash\"", "\"packedHash\"", "\"configuration\"", "\"key\"", "\"note\"", "\"tensor\"",
    "\"frames\"", "\"parent\"", "\"file\"", "\"contents\"", "\"from\"", "\"difference\"", "\"factors\"",
    "CONTENTS",
    "null", "\"fuzz-parent.quire\"", "\"fuzz-delta.quire\"",
  ]

  /// A whole pack, whose checksums are put right where its parts can be found.
  static func pack(_ input: [UInt8]) {
    open(PackForge.withChecksums(input))
  }

  /// A manifest's text, in a pack of four frames of 128 bytes. The words RAW1 to RAW4 and PACKED1 to PACKED4 stand for the
  /// hashes of the frames.
  static func manifest(_ input: [UInt8]) {
    var forge = PackForge()
    forge.frames = (0..<4).map { PackForge.Frame([UInt8](repeating: UInt8(7 + $0), count: 128)) }
    var text = String(decoding: input, as: UTF8.self)
    for (index, frame) in forge.frames.enumerated() {
      let numbers = (0..<64).flatMap { _ in PackForge.number(rotated(UInt8(7 + index))) }
      text.replace("RAW\(index + 1)", with: PackForge.digits(numbers))
      text.replace("PACKED\(index + 1)", with: PackForge.digits(frame.bytes))
    }
    forge.manifest = text
    open(forge.bytes)
  }

  /// As `manifest`, in a delta pack next to its parent `fuzz-parent.quire`, which has the int4 matrix "m", [32, 64], and the
  /// bf16 vector "v", [64]. CONTENTS stands for the parent's hash, MATRIX, SCALES and VECTOR for those of its streams.
  static func delta(_ input: [UInt8]) {
    let parent = parentForge
    FileInputs.folder.write(parent.bytes, to: "fuzz-parent.quire")
    var forge = PackForge()
    forge.flags = 1
    // The codes' differences are 0; factors and scales are small numbers.
    forge.frames = [
      .init([UInt8](repeating: 0x88, count: 1024)), .init([UInt8](repeating: 0x3C, count: 64)),
      .init([UInt8](repeating: 0x7E, count: 192)), .init([UInt8](repeating: 7, count: 128)),
    ]
    var text = String(decoding: input, as: UTF8.self)
    for (index, frame) in forge.frames.enumerated() {
      let byte = frame.bytes[frame.bytes.count / 2]
      let numbers = (0..<frame.rawBytes / 2).flatMap { _ in PackForge.number(rotated(byte)) }
      text.replace(
        "PLAIN\(index + 1)", with: PackForge.digits([UInt8](repeating: byte, count: frame.rawBytes)))
      text.replace("RAW\(index + 1)", with: PackForge.digits(numbers))
      text.replace("PACKED\(index + 1)", with: PackForge.digits(frame.bytes))
    }
    text.replace("MATRIX", with: PackForge.digits([UInt8](repeating: 0x9A, count: 1024)))
    text.replace("SCALES", with: PackForge.digits([UInt8](repeating: 0x3C, count: 64)))
    text.replace("VECTOR", with: PackForge.digits((0..<64).flatMap { _ in PackForge.number(rotated(7)) }))
    text.replace("CONTENTS", with: parentContents)
    forge.manifest = text
    open(forge.bytes, name: "fuzz-delta.quire")
  }

  private static let parentForge: PackForge = {
    var forge = PackForge()
    forge.frames = [
      .init([UInt8](repeating: 0x9A, count: 1024)), .init([UInt8](repeating: 0x3C, count: 64)),
      .init([UInt8](repeating: 7, count: 128)),
    ]
    func stream(_ kind: String, _ frame: Int, _ hash: [UInt8]) -> String {
      let bytes = forge.frames[frame]
      return """
        {"kind":"\(kind)","rawBytes":\(bytes.rawBytes),"frameBytes":\(bytes.rawBytes),"firstFrame":\(frame + 1),\
        "hash":"\(PackForge.digits(hash))","packedHash":"\(PackForge.digits(bytes.bytes))"}
        """
    }
    let vector = (0..<64).flatMap { _ in PackForge.number(rotated(7)) }
    let codes = stream("codes", 0, [UInt8](repeating: 0x9A, count: 1024))
    let scales = stream("scales", 1, [UInt8](repeating: 0x3C, count: 64))
    forge.manifest = """
      {"tensors":[{"name":"m","shape":[32,64],"scheme":"int4","group":64,"streams":[\(codes),\(scales)]},\
      {"name":"v","shape":[64],"scheme":"bf16","group":null,"streams":[\(stream("bf16", 2, vector))]}]}
      """
    return forge
  }()

  private static let parentContents: String = {
    let path = FileInputs.folder.write(parentForge.bytes, to: "fuzz-parent.quire")
    guard let pack = try? PackReader(path: path) else { return "" }
    return PackForge.hexadecimal(pack.contentsHash)
  }()

  /// A bfloat16 number whose two planes are this byte.
  private static func rotated(_ byte: UInt8) -> UInt16 {
    let bits = UInt16(byte) << 8 | UInt16(byte)
    return bits >> 1 | bits << 15
  }

  private static func open(_ bytes: [UInt8], name: String = "fuzz.quire") {
    let path = FileInputs.folder.write(bytes, to: name)
    do throws(PackError) {
      let pack = try PackReader(path: path)
      try pack.verify()
      _ = (
        pack.manifest.recipe, pack.manifest.toolVersion, pack.manifest.stepNames, pack.manifest.chatTemplate
      )
    } catch {
      _ = error.description
    }
  }

  /// The JSON lines of a journal beside an unfinished pack of one tensor; checksums are added. The words RAW and PACKED
  /// stand for the tensor's hashes.
  static func journal(_ input: [UInt8]) {
    let path = FileInputs.folder.path + "/fuzz-journal.quire"
    let forge = PackForge.oneTensor()
    // The head and the frame that the journal speaks of.
    FileInputs.folder.write(
      forge.bytes.prefix(24 + forge.frames[0].bytes.count), to: "fuzz-journal.quire.partial")
    var text = String(decoding: input, as: UTF8.self)
    text.replace("RAW", with: PackForge.digits((0..<64).flatMap { _ in PackForge.number(rotated(7)) }))
    text.replace("PACKED", with: PackForge.digits(forge.frames[0].bytes))
    FileInputs.folder.write(withChecksums(text), to: "fuzz-journal.quire.journal.partial")
    do throws(PackError) {
      let writer = try PackWriter(path: path, resumeKey: "key")
      writer.keepsUnfinished = false
    } catch {
      _ = error.description
    }
  }

  /// Each line with the checksum that covers it and the checksum before.
  private static func withChecksums(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var checksum: UInt64 = 0
    for line in text.split(separator: "\n") {
      checksum = PackForge.hash(PackForge.number(checksum) + Array(line.utf8))
      bytes += Array("\(PackForge.hexadecimal(checksum)) \(line)\n".utf8)
    }
    return bytes
  }
}
