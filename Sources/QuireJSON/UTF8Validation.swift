/// The offset of the first byte that is not valid UTF-8 (Unicode 16, table 3-7), or nil when all bytes are valid.
package func firstInvalidUTF8Offset(in bytes: UnsafeRawBufferPointer) -> Int? {
  var index = 0
  while index < bytes.count {
    if index + 8 <= bytes.count,
      bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
    {
      index += 8
      continue
    }
    guard bytes[index] >= 0x80 else {
      index += 1
      continue
    }
    let length = validSequenceLength(bytes, at: index)
    guard length > 0 else { return index }
    index += length
  }
  return nil
}

/// The length of the well-formed multi-byte sequence at `index`, or 0 when it is ill-formed.
private func validSequenceLength(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int {
  let first = bytes[index]
  let length: Int
  var secondRange: ClosedRange<UInt8> = 0x80...0xBF
  switch first {
  case 0xC2...0xDF: length = 2
  case 0xE0...0xEF:
    length = 3
    if first == 0xE0 { secondRange = 0xA0...0xBF }
    if first == 0xED { secondRange = 0x80...0x9F }
  case 0xF0...0xF4:
    length = 4
    if first == 0xF0 { secondRange = 0x90...0xBF }
    if first == 0xF4 { secondRange = 0x80...0x8F }
  default: return 0
  }
  guard index + length <= bytes.count, secondRange.contains(bytes[index + 1]) else { return 0 }
  for offset in 2..<max(2, length) where bytes[index + offset] & 0xC0 != 0x80 { return 0 }
  return length
}
