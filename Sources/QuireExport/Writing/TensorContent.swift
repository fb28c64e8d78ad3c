import QuireTensors

/// What the bytes of one tensor in an exported file are.
enum TensorContent: Hashable, Sendable {
  /// A matrix or a norm, row by row.
  case floats(ElementType)
  /// Codes −128…127, one byte each.
  case signedCodes
  /// Codes plus 8 or 128 in 32-bit words, the first code in the lowest bits.
  case packedCodes
  /// Scales, (row, group).
  case scales(WeightFormat.ScaleType)
  /// Unsigned zero points in 32-bit words, those of the first row of a word in its lowest bits: (row / rows in a word,
  /// group).
  case packedZeros
  /// Rows and columns as two 64-bit integers.
  case shape
  /// GGUF's blocks of 32 codes with a float16 scale.
  case q8Blocks
  case q4Blocks
  case iq4Blocks

  /// Codes in a 32-bit word.
  static func codesPerWord(_ format: WeightFormat) -> Int { format.scheme == .int4 ? 8 : 4 }

  /// Weights in a block of GGUF.
  static let blockWeights = 32

  /// Bytes of a row of `columns` weights. Precondition: not `shape` and `packedZeros`, which have no rows.
  func rowBytes(columns: Int, format: StoredFormat) -> Int {
    switch (self, format) {
    case (.floats(let element), _): return columns * element.byteCount
    case (.signedCodes, _): return columns
    case (.packedCodes, .integers(let format)): return format.scheme == .int4 ? columns / 2 : columns
    case (.scales, .integers(let format)): return 2 * (columns / (format.group ?? columns))
    case (.q8Blocks, _): return columns / Self.blockWeights * 34
    case (.q4Blocks, _), (.iq4Blocks, _): return columns / Self.blockWeights * 18
    default: preconditionFailure("\(self) of \(format) has no rows")
    }
  }
}
