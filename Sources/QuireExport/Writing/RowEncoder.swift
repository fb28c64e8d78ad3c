import QuireTensors
import Synchronization

/// Converts rows of a matrix to the bytes of an exported tensor. One per tensor; its methods may run on many threads.
final class RowEncoder: Sendable {
  private let content: TensorContent
  private let format: StoredFormat
  private let columns: Int
  private let kernels: Kernels
  private let hasOverflow = Atomic<Bool>(false)
  let rowBytes: Int

  init(_ content: TensorContent, format: StoredFormat, columns: Int, kernels: Kernels) {
    self.content = content
    self.format = format
    self.columns = columns
    self.kernels = kernels
    rowBytes = content.rowBytes(columns: columns, format: format)
  }

  /// Whether a finite weight became an infinite float16.
  var overflowed: Bool { hasOverflow.load(ordering: .relaxed) }

  /// Writes all rows of a band to `target`, (row, rowBytes).
  func encode(_ band: WeightMatrix, into target: UnsafeMutableRawPointer, team: ThreadTeam) {
    let panels = QuantizedMatrix.panelCount(rows: band.rows)
    team.run { thread, count in
      let share = ThreadTeam.range(of: panels, share: thread, count: count)
      switch self.content {
      case .floats(let element): self.writeFloats(band, share, element, target)
      default:
        guard case .quantized(let matrix) = band else { preconditionFailure("floats have no codes") }
        self.writeCodes(matrix, share, target)
      }
    }
  }

  private func rows(ofPanels panels: Range<Int>, _ band: WeightMatrix) -> Range<Int> {
    let end = min(panels.upperBound * QuantizedMatrix.panelRows, band.rows)
    return min(panels.lowerBound * QuantizedMatrix.panelRows, end)..<end
  }

  // MARK: Floats

  private func writeFloats(
    _ band: WeightMatrix, _ panels: Range<Int>, _ element: ElementType, _ target: UnsafeMutableRawPointer
  ) {
    let rows = rows(ofPanels: panels, band)
    let values = HostBuffer<Float>(count: columns)
    defer { withExtendedLifetime(values) {} }
    switch band {
    case .dense(let dense) where dense.element == element:
      let source = dense.base + rows.lowerBound * rowBytes
      (target + rows.lowerBound * rowBytes).copyMemory(from: source, byteCount: rows.count * rowBytes)
    case .dense:
      for row in rows {
        band.dequantizeRow(row, into: values.pointer, kernels: kernels)
        write(values.pointer, as: element, into: target + row * rowBytes)
      }
    case .quantized(let matrix):
      forEachRow(of: matrix, panels) { row, codes in
        Self.dequantize(codes, matrix, row, into: values.pointer)
        write(values.pointer, as: element, into: target + row * rowBytes)
      }
    }
  }

  /// One row of weights from its codes, which is faster than to collect them from their panel. Products are exact.
  private static func dequantize(
    _ codes: UnsafePointer<UInt8>, _ matrix: QuantizedMatrix, _ row: Int,
    into values: UnsafeMutablePointer<Float>
  ) {
    let levels = matrix.format.levels.map(Float.init)
    for group in 0..<matrix.groupCount {
      let zero = Int32(matrix.zeroCode(row: row, group: group))
      let scale = matrix.scale(row: row, group: group)
      let first = group * matrix.groupSize
      if !levels.isEmpty {
        for index in first..<first + matrix.groupSize { values[index] = levels[Int(codes[index])] * scale }
        continue
      }
      for index in first..<first + matrix.groupSize {
        values[index] = Float(Int32(codes[index]) &- zero) * scale
      }
    }
  }

  /// Writes a row of floats in another type, rounded to nearest, ties to even.
  private func write(
    _ values: UnsafePointer<Float>, as element: ElementType, into target: UnsafeMutableRawPointer
  ) {
    let bits = target.assumingMemoryBound(to: UInt16.self)
    switch element {
    case .float32: target.copyMemory(from: values, byteCount: columns * 4)
    case .bfloat16:
      for index in 0..<columns { bits[index] = Self.brainFloat(values[index].bitPattern) }
    default:
      for index in 0..<columns {
        bits[index] = values[index].halfBits
        if bits[index] & 0x7FFF == 0x7C00 { hasOverflow.store(true, ordering: .relaxed) }
      }
    }
  }

  /// `Float.bfloat16Bits` without a branch, so that the compiler turns a loop into vectors.
  @inline(__always)
  private static func brainFloat(_ pattern: UInt32) -> UInt16 {
    let rounded = (pattern &+ 0x7FFF &+ (pattern &>> 16 & 1)) &>> 16
    let quiet = pattern &>> 16 | 0x40
    return UInt16(truncatingIfNeeded: pattern & 0x7FFF_FFFF > 0x7F80_0000 ? quiet : rounded)
  }

  // MARK: Codes

  /// Calls `body` with each row of some panels and its unsigned codes.
  private func forEachRow(
    of matrix: QuantizedMatrix, _ panels: Range<Int>,
    _ body: (_ row: Int, _ codes: UnsafePointer<UInt8>) -> Void
  ) {
    let codes = HostBuffer<UInt8>(count: QuantizedMatrix.panelRows * columns)
    for panel in panels {
      matrix.copyCodes(ofPanel: panel, into: codes.pointer)
      let first = panel * QuantizedMatrix.panelRows
      for row in first..<min(first + QuantizedMatrix.panelRows, matrix.rows) {
        body(row, UnsafePointer(codes.pointer + (row - first) * columns))
      }
    }
    withExtendedLifetime(codes) {}
  }

  private func writeCodes(_ matrix: QuantizedMatrix, _ panels: Range<Int>, _ target: UnsafeMutableRawPointer)
  {
    forEachRow(of: matrix, panels) { row, source in
      let out = target + row * rowBytes
      switch content {
      case .signedCodes: Self.flipSigns(source, count: columns, into: out)
      case .packedCodes where matrix.format.scheme == .int8: out.copyMemory(from: source, byteCount: columns)
      case .packedCodes: Self.packPairs(source, count: columns, into: out)
      case .q8Blocks, .q4Blocks, .iq4Blocks: writeBlocks(source, matrix, row, out)
      case .floats, .scales, .packedZeros, .shape: preconditionFailure("\(content) is no code")
      }
    }
  }

  /// A code plus 128 as a signed byte.
  private static func flipSigns(
    _ codes: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutableRawPointer
  ) {
    let out = target.assumingMemoryBound(to: UInt8.self)
    for index in 0..<count { out[index] = codes[index] ^ 0x80 }
  }

  /// Two codes in a byte, the first in the low half: eight of them are a word with the first in its lowest bits.
  private static func packPairs(
    _ codes: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutableRawPointer
  ) {
    let out = target.assumingMemoryBound(to: UInt8.self)
    for index in 0..<count / 2 { out[index] = codes[2 * index] | codes[2 * index + 1] << 4 }
  }

  private func writeBlocks(
    _ codes: UnsafePointer<UInt8>, _ matrix: QuantizedMatrix, _ row: Int, _ target: UnsafeMutableRawPointer
  ) {
    let weights = TensorContent.blockWeights
    let hasNibbles = content != .q8Blocks
    let blockBytes = hasNibbles ? 18 : 34
    let blocksPerGroup = matrix.groupSize / weights
    HalfTable.shared.bits.withUnsafeBufferPointer { halves in
      for block in 0..<columns / weights {
        let out = target + block * blockBytes
        let group = block / blocksPerGroup
        let bits = matrix.scaleBits(row: row, group: group)
        let scale = matrix.format.scaleType == .float16 ? bits : halves[Int(bits)]
        out.storeBytes(of: scale.littleEndian, as: UInt16.self)
        let source = codes + block * weights
        if hasNibbles {
          Self.packHalves(source, into: out + 2)
        } else {
          Self.subtract(
            matrix.zeroCode(row: row, group: group), from: source, count: weights, into: out + 2)
        }
      }
    }
  }

  /// Codes minus their zero point as signed bytes.
  private static func subtract(
    _ zero: UInt8, from codes: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutableRawPointer
  ) {
    let out = target.assumingMemoryBound(to: UInt8.self)
    for index in 0..<count { out[index] = codes[index] &- zero }
  }

  /// 32 codes in 16 bytes: the first half of them in the low halves of the bytes, the second in the high ones.
  private static func packHalves(_ codes: UnsafePointer<UInt8>, into target: UnsafeMutableRawPointer) {
    let out = target.assumingMemoryBound(to: UInt8.self)
    for index in 0..<16 { out[index] = codes[index] | codes[index + 16] << 4 }
  }
}
