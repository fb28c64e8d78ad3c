import Foundation
import QuireTensors
import TestSupport
import Testing

@Suite struct MatrixTests {
  @Test(
    "codes and scales survive the block codec",
    arguments: ProductTests.formats.filter {
      $0.scheme != .bf16 && $0.isSymmetric && $0.scaleType == .bfloat16 && $0.levels.isEmpty
    })
  func codec(format: WeightFormat) throws {
    for (rows, columns) in [(1, 128), (32, 128), (45, 256)] {
      var random = SeededGenerator(seed: UInt64(rows))
      let codes = HostBuffer<Int8>(
        (0..<rows * columns).map { _ in Int8(Int.random(in: format.codeRange, using: &random)) })
      let groups = columns / (format.group ?? columns)
      let scales = HostBuffer<Float>(
        (0..<rows * groups).map { _ in representableScale(.random(in: 0.001...2, using: &random)) })
      let matrix = try QuantizedMatrix.encode(
        codes: codes.pointer, scales: scales.pointer, rows: rows, columns: columns, format: format)
      let decoded = matrix.decodedCodes()
      #expect((0..<codes.count).allSatisfy { decoded[$0] == codes[$0] })
      #expect(matrix.decodedScales() == (0..<scales.count).map { scales[$0] })
      let floats = WeightMatrix.quantized(matrix).dequantized(kernels: Kernels(.portable))
      for row in 0..<rows {
        for k in 0..<columns {
          let scale = scales[row * groups + k / (columns / groups)]
          #expect(floats[row * columns + k] == Float(codes[row * columns + k]) * scale)
        }
      }
      for set in InstructionSet.supported {
        #expect(sameBits(floats, WeightMatrix.quantized(matrix).dequantized(kernels: Kernels(set))))
      }
    }
  }

  @Test("a format that does not fit says so in one sentence")
  func formatErrors() {
    func sentence(_ format: WeightFormat, _ columns: Int) -> String? {
      do {
        try format.validate(columns: columns, name: "w")
        return nil
      } catch { return error.description }
    }
    #expect(sentence(.int4(group: 128), 256) == nil)
    #expect(
      sentence(.int4(group: 128), 192)
        == "w: group 128 does not divide its width 192; choose a group that does, or another scheme")
    #expect(sentence(.int4(group: 48), 96) == "w: expected a group of 32, 64 or 128, found 48")
    #expect(
      sentence(WeightFormat(scheme: .int4, group: nil), 96) == "w: int4 needs a group; choose 32, 64 or 128")
    #expect(
      sentence(.int8(), 30)
        == "w: int8 needs a width divisible by 4, found 30; keep this matrix in bf16")
  }

  @Test("bf16 rounds to nearest even")
  func bfloat16() {
    #expect(Float(1).bfloat16Bits == 0x3f80)
    #expect(Float(bitPattern: 0x3f80_8000).bfloat16Bits == 0x3f80)
    #expect(Float(bitPattern: 0x3f81_8000).bfloat16Bits == 0x3f82)
    #expect(Float(bfloat16Bits: Float.nan.bfloat16Bits).isNaN)
    #expect(Float.infinity.bfloat16Bits == 0x7f80)
  }

  @Test("half floats in the cache round as IEEE says, on every instruction set")
  func halfFloats() {
    let values: [Float] = [
      0, -0.0, 1, -2.5, 65504, 65519, 65520, 1e9, -1e9, 6.1e-5, 6.0e-8, 2.9e-8, 3.1e-8, 5.96e-8, 1.0009766,
      1.00146, 0.333, 1e-4,
      .infinity, -.infinity,
    ]
    let expected: [UInt16] = [
      0, 0x8000, 0x3c00, 0xc100, 0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00, 0x3ff, 1, 0, 1, 1, 0x3c01, 0x3c01,
      0x3554, 0x68e,
      0x7c00, 0xfc00,
    ]
    for set in InstructionSet.supported {
      let block = HostBuffer<UInt16>(count: 32 * 32)
      let other = HostBuffer<UInt16>(count: 32 * 32)
      let padded = HostBuffer(values + [Float](repeating: 0, count: 32 - values.count))
      Kernels(set).storeKeyValue(
        key: padded.pointer, value: padded.pointer, keyBlock: block.pointer, valueBlock: other.pointer,
        slot: 3, headSize: 32,
        element: .float16)
      for (i, bits) in expected.enumerated() {
        #expect(other[3 * 32 + i] == bits, "\(set) \(values[i])")
        #expect(block[i * 32 + 3] == bits)
      }
    }
  }
}
