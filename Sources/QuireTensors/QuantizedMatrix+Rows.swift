import CKernels

/// Reads an integer matrix row by row, for formats that store rows.
extension QuantizedMatrix {
  /// Output channels that are stored together.
  package static let panelRows = Int(QUIRE_PANEL)

  /// Panels of a matrix; the last one may have fewer rows.
  package static func panelCount(rows: Int) -> Int { (rows + panelRows - 1) / panelRows }

  /// Writes the unsigned codes of panel `panel` to `target`, (32, columns). Rows beyond the matrix are zero weights.
  package func copyCodes(ofPanel panel: Int, into target: UnsafeMutablePointer<UInt8>) {
    precondition(panel >= 0 && panel < Self.panelCount(rows: rows), "panel \(panel) of \(rows) rows")
    guard let base = codes.baseAddress else { return }
    let panelBytes = format.codeByteCount(rows: Self.panelRows, columns: columns)
    let source = base + panel * panelBytes
    let quads = columns / 4
    // A block of quads stays in the L1 cache while its 32 rows are written one after the other.
    let blockQuads = 64
    for first in stride(from: 0, to: quads, by: blockQuads) {
      let block = first..<min(first + blockQuads, quads)
      switch format.scheme {
      case .bf16, .int8: copyInt8(source, block, into: target)
      case .int4, .nl4: copyInt4(source, block, into: target)
      case .nl3: copyTriples(source, block, into: target)
      }
    }
  }

  private func copyInt8(
    _ source: UnsafeRawPointer, _ quads: Range<Int>, into target: UnsafeMutablePointer<UInt8>
  ) {
    for channel in 0..<32 {
      let row = UnsafeMutableRawPointer(target + channel * columns)
      for quad in quads {
        let codes = source.loadUnaligned(fromByteOffset: (quad * 32 + channel) * 4, as: UInt32.self)
        row.storeBytes(of: codes, toByteOffset: quad * 4, as: UInt32.self)
      }
    }
  }

  private func copyInt4(
    _ source: UnsafeRawPointer, _ quads: Range<Int>, into target: UnsafeMutablePointer<UInt8>
  ) {
    let nibbles: UInt32 = 0x0F0F_0F0F
    for channel in 0..<16 {
      let low = UnsafeMutableRawPointer(target + channel * columns)
      let high = UnsafeMutableRawPointer(target + (channel + 16) * columns)
      for quad in quads {
        let codes = source.loadUnaligned(fromByteOffset: (quad * 16 + channel) * 4, as: UInt32.self)
        low.storeBytes(of: codes & nibbles, toByteOffset: quad * 4, as: UInt32.self)
        high.storeBytes(of: codes >> 4 & nibbles, toByteOffset: quad * 4, as: UInt32.self)
      }
    }
  }

  /// The bits of one scale, of the format's scale type.
  @inline(__always)
  package func scaleBits(row: Int, group: Int) -> UInt16 {
    scales[(row / 32 * groupCount + group) * 32 + row % 32]
  }

  /// One scale.
  package func scale(row: Int, group: Int) -> Float {
    format.scaleType.value(scaleBits(row: row, group: group))
  }

  /// The unsigned code of weight 0 in one group of a row: a weight is its code minus this, times the scale.
  @inline(__always)
  package func zeroCode(row: Int, group: Int) -> UInt8 {
    guard !zeros.isEmpty else { return format.symmetricZero }
    return format.zeroPoint(of: row % 32, group: row / 32 * groupCount + group, in: zeros)
  }
}
