/// bfloat16 numbers as two byte planes, which compress better: a layer's exponents take few values, while signs and
/// fractions are nearly random.
///
/// Each number is rotated left by one bit, so that its high byte is the whole exponent and its low byte the
/// fraction with the sign as lowest bit. A frame holds the high bytes of all its numbers, then the low bytes.
enum BrainFloatPlanes {
  /// Splits `numbers` (n, bfloat16, 2n bytes) into `planes` (2, n).
  static func split(_ numbers: UnsafeRawBufferPointer, into planes: UnsafeMutableRawBufferPointer) {
    precondition(numbers.count % 2 == 0 && planes.count == numbers.count, "planes hold what numbers hold")
    guard numbers.count > 0, let source = numbers.baseAddress, let target = planes.baseAddress else { return }
    let count = numbers.count / 2
    let exponents = target.assumingMemoryBound(to: UInt8.self)
    let rest = exponents + count
    for index in 0..<count {
      let bits = UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self))
      let rotated = (bits &<< 1) | (bits &>> 15)
      exponents[index] = UInt8(truncatingIfNeeded: rotated &>> 8)
      rest[index] = UInt8(truncatingIfNeeded: rotated)
    }
  }

  /// Joins `planes` (2, n) into `numbers` (n, bfloat16): the inverse of `split`.
  static func join(_ planes: UnsafeRawBufferPointer, into numbers: UnsafeMutableRawBufferPointer) {
    precondition(numbers.count % 2 == 0 && planes.count == numbers.count, "planes hold what numbers hold")
    guard planes.count > 0, let source = planes.baseAddress, let target = numbers.baseAddress else { return }
    let count = numbers.count / 2
    let exponents = source.assumingMemoryBound(to: UInt8.self)
    let rest = exponents + count
    for index in 0..<count {
      let rotated = (UInt16(exponents[index]) &<< 8) | UInt16(rest[index])
      let bits = (rotated &>> 1) | (rotated &<< 15)
      target.storeBytes(of: bits.littleEndian, toByteOffset: 2 &* index, as: UInt16.self)
    }
  }
}
