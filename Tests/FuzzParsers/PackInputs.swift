import QuireFiles
import QuireJSON
import QuirePacks
import TestSupport

/// Packs and the journals of unfinished ones, with checksums put right.
enum PackInputs {
  static let words = [
    "\"tensors\"", "\"name\"", "\"shape\"", "\"scheme\"", "\"group\"", "\"streams\"", "\"kind\"", "\"codes\"",
    "\"scales\"", "\"raw\"", "\"bf16\"", "\"float32\"", "\"int4\"", "\"int8\"", "\"rawBytes\"",
    "\"zeros\"", "\"int4-asymmetric\"", "\"int8-asymmetric-float16\"",
    "\"frameBytes\"",
    "\"firstFrame\"", "\"hash\"", "\"packedHash\"", "\"configuration\"", "\"key\"", "\"note\"", "\"tensor\"",
    "\"frames\"",
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

  /// A bfloat16 number whose two planes are this byte.
  private static func rotated(_ byte: UInt8) -> UInt16 {
    let bits = UInt16(byte) << 8 | UInt16(byte)
    return bits >> 1 | bits << 15
  }

  private static func open(_ bytes: [UInt8]) {
    let path = FileInputs.folder.write(bytes, to: "fuzz.quire")
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
