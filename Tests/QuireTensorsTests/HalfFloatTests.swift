import QuireTensors
import TestSupport
import Testing

/// float16 bit patterns, and matrices read by rows.
@Suite struct HalfFloatTests {
  @Test func everyHalfReadsBackToItself() {
    for bits in UInt16.min...UInt16.max {
      let value = Float(halfBits: bits)
      if value.isNaN {
        #expect(value.halfBits & 0x7C00 == 0x7C00 && value.halfBits & 0x3FF != 0)
      } else {
        #expect(value.halfBits == bits)
      }
    }
  }

  @Test func numbersBetweenAreRoundedToEven() {
    #expect(Float(1 + 0x1p-11).halfBits == 0x3C00 && Float(1 + 0x3p-11).halfBits == 0x3C02)
    #expect(Float(1 + 0x1.8p-11).halfBits == 0x3C01)
    #expect(Float(65519.99).halfBits == 0x7BFF && Float(65520).halfBits == 0x7C00)
    #expect(Float(0x1p-25).halfBits == 0 && Float(0x1.8p-25).halfBits == 1 && Float(0x3p-25).halfBits == 2)
    #expect(Float(-0x1p-15).halfBits == 0x8200 && Float(-0.0).halfBits == 0x8000)
  }

  @Test func brainFloatsThatHalvesHold() {
    #expect(Float.halfBits(exactlyBfloat16: Float(0.75).bfloat16Bits) == 0x3A00)
    #expect(Float.halfBits(exactlyBfloat16: Float(0x1p-24).bfloat16Bits) == 1)
    #expect(Float.halfBits(exactlyBfloat16: Float(0x1p-25).bfloat16Bits) == nil)
    #expect(Float.halfBits(exactlyBfloat16: Float(65536).bfloat16Bits) == nil)
    #expect(Float.halfBits(exactlyBfloat16: Float(65280).bfloat16Bits) == 0x7BF8)
  }

  @Test(arguments: [(1, 32), (31, 64), (32, 96), (33, 512), (70, 288)])
  func panelsAreReadByRows(_ rows: Int, _ columns: Int) throws {
    for format in [WeightFormat.int8(), .int4(group: 32)] {
      var generator = SeededGenerator(seed: UInt64(rows * columns))
      let codes = (0..<rows * columns).map { _ in
        Int8(Int.random(in: format.codeRange, using: &generator))
      }
      let groups = columns / (format.group ?? columns)
      let scales = (0..<rows * groups).map { Float(1 + $0 % 100) }
      let matrix = try codes.withUnsafeBufferPointer { codes in
        try scales.withUnsafeBufferPointer { scales in
          try QuantizedMatrix.encode(
            codes: codes.baseAddress!, scales: scales.baseAddress!, rows: rows, columns: columns,
            format: format)
        }
      }
      let panel = HostBuffer<UInt8>(count: 32 * columns)
      for index in 0..<(rows + 31) / 32 {
        matrix.copyCodes(ofPanel: index, into: panel.pointer)
        let found = panel.buffer.map {
          Int8(truncatingIfNeeded: Int($0) - Int(matrix.zeroCode(row: 0, group: 0)))
        }
        let expected = Array(
          codes[min(codes.count, index * 32 * columns)..<min(codes.count, (index + 1) * 32 * columns)])
        #expect(Array(found.prefix(expected.count)) == expected)
        #expect(found.dropFirst(expected.count).allSatisfy { $0 == 0 })
      }
      withExtendedLifetime(panel) {}
      #expect(
        Float(bfloat16Bits: matrix.scaleBits(row: rows - 1, group: groups - 1)) == scales[rows * groups - 1])
    }
  }
}
