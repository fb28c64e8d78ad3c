import CKernels

/// How a matrix is stored: `bf16`, integers of one grid with a scale per group of input columns, or codes of a table of
/// levels with such a scale.
///
/// In a symmetric grid a weight is q · scale with a signed q; in an asymmetric one it is (code − zero) · scale with
/// an unsigned code and an integer zero point per output channel and group.
package struct WeightFormat: Hashable, Sendable {
  package enum Scheme: String, Sendable, CaseIterable, Codable {
    case bf16, int8, int4, nl4, nl3
  }

  /// The type of scales.
  package enum ScaleType: String, Sendable, CaseIterable, Codable { case bfloat16, float16 }

  package let scheme: Scheme
  /// Input columns that share a scale; nil means one scale per output channel (int8 only).
  package let group: Int?
  /// Whether weight 0 has the same code in every group: 8 for int4, 128 for int8.
  package let isSymmetric: Bool
  package let scaleType: ScaleType

  package static let bf16 = WeightFormat(scheme: .bf16, group: nil)

  package static func int8(
    group: Int? = nil, isSymmetric: Bool = true, scaleType: ScaleType = .bfloat16
  ) -> WeightFormat {
    .init(scheme: .int8, group: group, isSymmetric: isSymmetric, scaleType: scaleType)
  }

  package static func int4(
    group: Int = 128, isSymmetric: Bool = true, scaleType: ScaleType = .bfloat16
  ) -> WeightFormat {
    .init(scheme: .int4, group: group, isSymmetric: isSymmetric, scaleType: scaleType)
  }

  package init(
    scheme: Scheme, group: Int?, isSymmetric: Bool = true, scaleType: ScaleType = .bfloat16
  ) {
    precondition(isSymmetric || scheme.mayHaveZeros, "bf16 and levels have no zero points")
    precondition(scheme.scaleTypes.contains(scaleType), "bf16 and nl3 have no float16 scales")
    self.scheme = scheme
    self.group = group
    self.isSymmetric = isSymmetric
    self.scaleType = scaleType
  }

  /// The same grid with another group.
  package func grouped(by group: Int) -> WeightFormat {
    WeightFormat(scheme: scheme, group: group, isSymmetric: isSymmetric, scaleType: scaleType)
  }

  /// Group sizes that the kernels and export formats support.
  package static let groups = [32, 64, 128]

  /// Throws one sentence when a matrix of `columns` inputs cannot have this format.
  package func validate(columns: Int, name: String) throws(TensorError) {
    switch scheme {
    case .bf16:
      if group != nil { throw .format("\(name): bf16 has no groups; leave the group out") }
    case .int8, .int4, .nl4, .nl3:
      guard let group else { return try validateChannels(columns: columns, name: name) }
      guard Self.groups.contains(group) else {
        throw .format("\(name): expected a group of 32, 64 or 128, found \(group)")
      }
      guard columns % group == 0 else {
        throw .format(
          "\(name): group \(group) does not divide its width \(columns); choose a group that does, or another scheme"
        )
      }
    }
  }

  /// For one scale per output channel. Activations have their groups in any case: of 32 to 128 inputs, or of all
  /// where 32 does not divide the width, for which zero points have no kernel.
  private func validateChannels(columns: Int, name: String) throws(TensorError) {
    if scheme != .int8 {
      throw .format("\(name): \(scheme.rawValue) needs a group; choose 32, 64 or 128")
    }
    let divisor = isSymmetric && scaleType == .bfloat16 ? 4 : 32
    if columns % divisor != 0 {
      throw .format(
        "\(name): \(self) needs a width divisible by \(divisor), found \(columns); keep this matrix in bf16")
    }
    if columns > 65_000 {
      throw .format(
        "\(name): channel-wise int8 holds at most 65000 inputs, found \(columns); choose a group")
    }
  }

  /// Bytes of the codes of a matrix, padded to whole panels.
  package func codeByteCount(rows: Int, columns: Int) -> Int {
    let panels = QuantizedMatrix.panelCount(rows: rows)
    switch scheme {
    case .bf16: return rows * columns * 2
    case .int8: return panels * 32 * columns
    case .int4, .nl4: return panels * 16 * columns
    case .nl3: return panels * 12 * columns
    }
  }

  /// Number of scales of a matrix, padded to whole panels; 0 for bf16.
  package func scaleCount(rows: Int, columns: Int) -> Int {
    guard scheme != .bf16 else { return 0 }
    let panels = QuantizedMatrix.panelCount(rows: rows)
    return panels * QuantizedMatrix.panelRows * (columns / (group ?? columns))
  }

  /// Bytes of the zero points of a matrix, padded to whole panels; 0 where the format is symmetric.
  package func zeroByteCount(rows: Int, columns: Int) -> Int {
    guard !isSymmetric else { return 0 }
    return scaleCount(rows: rows, columns: columns) / (scheme == .int4 ? 2 : 1)
  }

  /// Bytes of codes, scales and zero points together.
  package func byteCount(rows: Int, columns: Int) -> Int {
    codeByteCount(rows: rows, columns: columns) + 2 * scaleCount(rows: rows, columns: columns)
      + zeroByteCount(rows: rows, columns: columns)
  }

  /// Smallest and largest signed code of the symmetric grid.
  package var codeRange: ClosedRange<Int> {
    -Int(symmetricZero)...Int(largestUnsignedCode) - Int(symmetricZero)
  }

  /// The largest unsigned code, and the largest zero point.
  package var largestUnsignedCode: UInt8 {
    switch scheme {
    case .bf16, .int8: 255
    case .int4, .nl4: 15
    case .nl3: 7
    }
  }

  /// The unsigned code of weight 0 in the symmetric grid, or of the level nearest to 0 (1 in nl4, −2 in nl3).
  package var symmetricZero: UInt8 {
    switch scheme {
    case .bf16, .int8: UInt8(QUIRE_ZERO_INT8)
    case .int4, .nl4: UInt8(QUIRE_ZERO_INT4)
    case .nl3: 4
    }
  }
}
