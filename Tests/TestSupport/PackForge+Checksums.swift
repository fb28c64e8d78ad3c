extension PackForge {
  /// A pack's bytes with the checksums of manifest, seek table and tail made right again, as far as these parts are
  /// where the end of the file says; whatever else is wrong stays.
  package static func withChecksums(_ pack: [UInt8]) -> [UInt8] {
    let footerBytes = 9
    guard pack.count > footerBytes else { return pack }
    let frameCount = number(in: pack, at: pack.count - footerBytes, bytes: 4)
    let table = pack.count - 17 - 8 * Int(frameCount)
    let tail = table - 88
    guard tail >= 0 else { return pack }
    var bytes = pack
    let offset = number(in: pack, at: tail + 32, bytes: 8)
    let count = number(in: pack, at: tail + 40, bytes: 8)
    if offset <= tail, count <= tail, offset + count <= tail {
      put(hash(Array(bytes[Int(offset)..<Int(offset + count)])), in: &bytes, at: tail + 56)
    }
    put(hash(Array(bytes[table...])), in: &bytes, at: tail + 64)
    put(hash(Array(bytes[tail..<tail + 80])), in: &bytes, at: tail + 80)
    return bytes
  }

  private static func number(in bytes: [UInt8], at start: Int, bytes count: Int) -> UInt64 {
    bytes[start..<start + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func put(_ value: UInt64, in bytes: inout [UInt8], at start: Int) {
    bytes.replaceSubrange(start..<start + 8, with: number(value))
  }
}
