import QuireFiles
import QuireTensors

/// Builds packs by hand, checksums all right, so that only what a test gets wrong on purpose is wrong. It has no
/// code in common with the writer but the hash.
package struct PackForge {
  /// A frame of raw blocks, or whatever bytes a test puts in its place.
  package struct Frame {
    package var bytes: [UInt8]
    package var rawBytes: Int

    package init(_ contents: [UInt8], announcing: Int? = nil, blocksOf: Int = 1 << 17) {
      bytes =
        PackForge.number(UInt32(0xFD2F_B528)) + [0xA4]
        + PackForge.number(UInt32(announcing ?? contents.count))
      for start in stride(from: 0, to: max(1, contents.count), by: blocksOf) {
        let end = min(start + blocksOf, contents.count)
        let head = (end == contents.count ? 1 : 0) | UInt32(end - start) << 3
        bytes += PackForge.number(head).prefix(3) + contents[start..<end]
      }
      bytes += PackForge.number(UInt32(truncatingIfNeeded: PackForge.hash(contents)))
      rawBytes = announcing ?? contents.count
    }
  }

  package var version: UInt32 = 1
  /// In head and tail; 1 makes a delta pack.
  package var flags: UInt32 = 0
  package var headSize: UInt32 = 16
  /// The data frames.
  package var frames: [Frame] = []
  /// The manifest's text.
  package var manifest = "{\"tensors\":[]}"
  /// Changes to what the seek table says of a frame (0 is the head), before it is hashed.
  package var seekChanges: [Int: (packed: UInt32, raw: UInt32)] = [:]
  /// Changes to the tail's numbers, in their order, before it is hashed.
  package var tailChanges: [Int: UInt64] = [:]
  package var tailVersion: UInt32 = 1

  /// A sound pack without tensors.
  package init() {}

  package static func number<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  package static func hash(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { ContentHash.of($0) } }

  /// A hash as the manifest writes it.
  package static func digits(_ bytes: [UInt8]) -> String { hexadecimal(hash(bytes)) }

  package static func hexadecimal(_ hash: UInt64) -> String { ContentHash.hexadecimal(hash) }

  /// The whole file.
  package var bytes: [UInt8] {
    let head =
      Self.number(UInt32(0x184D_2A51)) + Self.number(headSize) + Array("QUIRE\r\n".utf8) + [0x1A]
      + Self.number(version) + Self.number(flags)
    let manifestFrame = Frame(Array(manifest.utf8))
    var table: [(UInt32, UInt32)] = [(24, 0)]
    table += (frames + [manifestFrame]).map { (UInt32($0.bytes.count), UInt32($0.rawBytes)) }
    table.append((88, 0))
    for (index, change) in seekChanges { table[index] = change }
    let seek =
      Self.number(UInt32(0x184D_2A5E)) + Self.number(UInt32(8 * table.count + 9))
      + table.flatMap { Self.number($0.0) + Self.number($0.1) } + Self.number(UInt32(table.count)) + [0]
      + Self.number(UInt32(0x8F92_EAB1))
    let data = frames.flatMap(\.bytes)
    var numbers: [UInt64] = [
      UInt64(head.count + data.count + manifestFrame.bytes.count + 88 + seek.count),
      UInt64(head.count + data.count), UInt64(manifestFrame.bytes.count), UInt64(manifest.utf8.count),
      Self.hash(manifestFrame.bytes), Self.hash(seek), UInt64(frames.reduce(0) { $0 + $1.rawBytes }),
    ]
    for (index, change) in tailChanges { numbers[index] = change }
    var tail =
      Self.number(UInt32(0x184D_2A51)) + Self.number(UInt32(80)) + Array("QUIREEND".utf8)
      + Self.number(tailVersion) + Self.number(flags) + numbers.flatMap { Self.number($0) }
    tail += Self.number(Self.hash(tail))
    return head + data + manifestFrame.bytes + tail + seek
  }

  /// A pack of one tensor "t" of 64 bf16 numbers, in `frameBytes` pieces; its members as JSON texts.
  package static func oneTensor(
    name: String = "\"t\"", shape: String = "[64]", scheme: String = "\"bf16\"", group: String = "null",
    kind: String = "\"bf16\"", rawBytes: String = "128", frameBytes: String = "128", firstFrame: String = "1",
    hash: String? = nil, packedHash: String? = nil, frames: [Frame]? = nil
  ) -> PackForge {
    var forge = PackForge()
    forge.frames = frames ?? [Frame([UInt8](repeating: 7, count: 128))]
    // Planes of equal bytes: every number is 0x0707 rotated right by one bit.
    let contents = (0..<64).flatMap { _ in Self.number(UInt16(0x8383)) }
    let packed = forge.frames.flatMap(\.bytes)
    forge.manifest = """
      {"tensors":[{"name":\(name),"shape":\(shape),"scheme":\(scheme),"group":\(group),"streams":[
      {"kind":\(kind),"rawBytes":\(rawBytes),"frameBytes":\(frameBytes),"firstFrame":\(firstFrame),
      "hash":\(hash ?? "\"\(digits(contents))\""),"packedHash":\(packedHash ?? "\"\(digits(packed))\"")}]}]}
      """
    return forge
  }

  /// A pack of one tensor "t" of 2 rows of 64 weights in int4-asymmetric, groups of 32, whose third stream has this
  /// kind and size.
  package static func zeroPoints(kind: String, rawBytes: Int) -> PackForge {
    var forge = PackForge()
    let parts = [("codes", 1024), ("scales", 128), (kind, rawBytes)].enumerated().map { index, part in
      let contents = [UInt8](repeating: UInt8(index), count: part.1)
      let frame = Frame(contents)
      forge.frames.append(frame)
      return """
        {"kind":"\(part.0)","rawBytes":\(part.1),"frameBytes":\(part.1),"firstFrame":\(index + 1),
        "hash":"\(digits(contents))","packedHash":"\(digits(frame.bytes))"}
        """
    }
    forge.manifest = """
      {"tensors":[{"name":"t","shape":[2,64],"scheme":"int4-asymmetric","group":32,"streams":[
      \(parts.joined(separator: ","))]}]}
      """
    return forge
  }
}
