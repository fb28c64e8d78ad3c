import QuireTensors

// Blocks of 256 values, in parts of 16 or 32 that have integer scales, for some types also integer offsets; the block
// has a float16 factor for each of the two.
extension GGUFBlocks.Block {
  /// 16 parts: byte i has part i's scale in its low half and its offset in the high one.
  @inline(__always)
  func q2K() {
    let (factor, offsetFactor) = (half(80), half(82))
    for part in 0..<16 {
      let scale = factor * Float(byte(part) & 15)
      let offset = offsetFactor * Float(byte(part) >> 4)
      // Each 128 values share 32 bytes; two bits of a byte for each 32 of them.
      let codes = 16 + part / 8 * 32 + part % 2 * 16
      let shift = UInt8(part % 8 / 2 * 2)
      for k in 0..<16 {
        values[part * 16 + k] = scale * Float(byte(codes + k) >> shift & 3) - offset
      }
    }
  }

  /// 16 parts with scales of six bits: four in a half of bytes 96 to 103, two in bytes 104 to 107. A third bit of each
  /// code is in bytes 0 to 31; where it is not set, the code is four less.
  @inline(__always)
  func q3K() {
    let factor = half(108)
    for part in 0..<16 {
      let low = part < 8 ? byte(96 + part) & 15 : byte(88 + part) >> 4
      let high = byte(104 + part % 4) >> UInt8(part / 4 * 2) & 3
      let scale = factor * Float(Int(low | high << 4) - 32)
      let codes = 32 + part / 8 * 32 + part % 2 * 16
      let shift = UInt8(part % 8 / 2 * 2)
      let bit = UInt8(part / 2)
      for k in 0..<16 {
        let isHigh = byte(part % 2 * 16 + k) >> bit & 1
        let code = Int(byte(codes + k) >> shift & 3) - (isHigh == 1 ? 0 : 4)
        values[part * 16 + k] = scale * Float(code)
      }
    }
  }

  /// Scale and offset of part `part` of 8, six bits each, from the twelve bytes at 4.
  @inline(__always)
  private func sixBits(_ part: Int) -> (scale: UInt8, offset: UInt8) {
    if part < 4 { return (byte(4 + part) & 63, byte(8 + part) & 63) }
    let shared = byte(8 + part)
    return (shared & 15 | (byte(part) >> 6) << 4, shared >> 4 | (byte(4 + part) >> 6) << 4)
  }

  @inline(__always)
  func q4K() {
    let (factor, offsetFactor) = (half(0), half(2))
    for part in 0..<8 {
      let (scaleCode, offsetCode) = sixBits(part)
      let (scale, offset) = (factor * Float(scaleCode), offsetFactor * Float(offsetCode))
      // Two parts share 32 bytes: the even one has the low halves.
      let (codes, shift) = (16 + part / 2 * 32, UInt8(part % 2 * 4))
      for k in 0..<32 {
        values[part * 32 + k] = scale * Float(byte(codes + k) >> shift & 15) - offset
      }
    }
  }

  /// As Q4_K, with a fifth bit of value k of part i in bit i of byte 16 + k.
  @inline(__always)
  func q5K() {
    let (factor, offsetFactor) = (half(0), half(2))
    for part in 0..<8 {
      let (scaleCode, offsetCode) = sixBits(part)
      let (scale, offset) = (factor * Float(scaleCode), offsetFactor * Float(offsetCode))
      let (codes, shift) = (48 + part / 2 * 32, UInt8(part % 2 * 4))
      for k in 0..<32 {
        let code = byte(codes + k) >> shift & 15 | (byte(16 + k) >> UInt8(part) & 1) << 4
        values[part * 32 + k] = scale * Float(code) - offset
      }
    }
  }

  /// 16 parts with signed scales of eight bits; codes have four bits in bytes 0 to 127 and two in 128 to 191.
  @inline(__always)
  func q6K() {
    let factor = half(208)
    for half in 0..<2 {
      for quarter in 0..<4 {
        let (low, lowShift) = (half * 64 + quarter % 2 * 32, UInt8(quarter / 2 * 4))
        let (high, highShift) = (128 + half * 32, UInt8(quarter * 2))
        for part in 0..<2 {
          let scale = factor * Float(signed(192 + half * 8 + quarter * 2 + part))
          for k in part * 16..<part * 16 + 16 {
            let code = byte(low + k) >> lowShift & 15 | (byte(high + k) >> highShift & 3) << 4
            values[half * 128 + quarter * 32 + k] = scale * Float(Int(code) - 32)
          }
        }
      }
    }
  }
}
