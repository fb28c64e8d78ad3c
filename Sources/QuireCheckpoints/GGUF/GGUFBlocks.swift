import QuireTensors

/// Computes the values of quantized blocks in float32, with the operations and their order as in ggml's reference
/// code and in the gguf package, without fused multiply-add: all results have the same bits.
package enum GGUFBlocks {
  /// - Parameters:
  ///   - blocks: whole blocks of `type`, which is no plain float
  ///   - values: receives the values of all blocks
  package static func dequantize(
    _ type: GGUFType, _ blocks: UnsafeRawBufferPointer, into values: UnsafeMutablePointer<Float>
  ) {
    guard let base = blocks.baseAddress else { return }
    var target = values
    for offset in stride(from: 0, to: blocks.count, by: type.blockBytes) {
      let block = Block(base: base + offset, values: target)
      switch type {
      case .f32, .f16, .bf16: return  // floats are copied
      case .q40: block.q40()
      case .q41: block.q41()
      case .q50: block.q50()
      case .q51: block.q51()
      case .q80: block.q80()
      case .q2K: block.q2K()
      case .q3K: block.q3K()
      case .q4K: block.q4K()
      case .q5K: block.q5K()
      case .q6K: block.q6K()
      case .iq4NL: block.iq4NL()
      }
      target += type.blockValues
    }
  }

  /// One block and where its values go.
  struct Block {
    let base: UnsafeRawPointer
    let values: UnsafeMutablePointer<Float>

    @inline(__always)
    func byte(_ offset: Int) -> UInt8 { base.load(fromByteOffset: offset, as: UInt8.self) }

    @inline(__always)
    func signed(_ offset: Int) -> Int8 { base.load(fromByteOffset: offset, as: Int8.self) }

    @inline(__always)
    func half(_ offset: Int) -> Float {
      Float(halfBits: UInt16(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
    }

    @inline(__always)
    func bits(_ offset: Int) -> UInt32 {
      UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
  }
}

// Blocks of 32 values: a scale, for some types an offset, then codes. Byte j holds the codes of values j and j + 16.
extension GGUFBlocks.Block {
  @inline(__always)
  func q40() {
    let scale = half(0)
    for j in 0..<16 {
      let codes = byte(2 + j)
      values[j] = scale * Float(Int(codes & 15) - 8)
      values[j + 16] = scale * Float(Int(codes >> 4) - 8)
    }
  }

  /// A code is an index of nl4's table of levels.
  @inline(__always)
  func iq4NL() {
    let scale = half(0)
    for j in 0..<16 {
      let codes = byte(2 + j)
      values[j] = scale * WeightFormat.nl4Level(codes & 15)
      values[j + 16] = scale * WeightFormat.nl4Level(codes >> 4)
    }
  }

  @inline(__always)
  func q41() {
    let (scale, offset) = (half(0), half(2))
    for j in 0..<16 {
      let codes = byte(4 + j)
      values[j] = scale * Float(codes & 15) + offset
      values[j + 16] = scale * Float(codes >> 4) + offset
    }
  }

  /// The fifth bits are those of a word: bit j is value j's.
  @inline(__always)
  func q50() {
    let (scale, fifth) = (half(0), bits(2))
    for j in 0..<16 {
      let codes = byte(6 + j)
      let low = UInt32(codes & 15) | (fifth >> UInt32(j) & 1) << 4
      let high = UInt32(codes >> 4) | (fifth >> UInt32(j + 16) & 1) << 4
      values[j] = scale * Float(Int(low) - 16)
      values[j + 16] = scale * Float(Int(high) - 16)
    }
  }

  @inline(__always)
  func q51() {
    let (scale, offset, fifth) = (half(0), half(2), bits(4))
    for j in 0..<16 {
      let codes = byte(8 + j)
      let low = UInt32(codes & 15) | (fifth >> UInt32(j) & 1) << 4
      let high = UInt32(codes >> 4) | (fifth >> UInt32(j + 16) & 1) << 4
      values[j] = scale * Float(low) + offset
      values[j + 16] = scale * Float(high) + offset
    }
  }

  @inline(__always)
  func q80() {
    let scale = half(0)
    for j in 0..<32 { values[j] = scale * Float(signed(2 + j)) }
  }
}
