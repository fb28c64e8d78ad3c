import CKernels

/// The non-linear schemes nl4 and nl3: a weight is `levels[code] · scale`.
///
/// Levels are integers of −127…127, so that products stay in integer arithmetic. They are the same for all matrices, and
/// a scale has either sign, since the levels reach farther on the negative side.
extension WeightFormat {
  package static func nl4(group: Int = 128, scaleType: ScaleType = .bfloat16) -> WeightFormat {
    .init(scheme: .nl4, group: group, scaleType: scaleType)
  }

  package static func nl3(group: Int = 64) -> WeightFormat { .init(scheme: .nl3, group: group) }

  /// The level of a code 0…15 of nl4.
  package static func nl4Level(_ code: UInt8) -> Float { Float(quire_nl4_level(Int32(code))) }

  /// The levels by unsigned code, rising; empty for a scheme whose weights are multiples of their scale, or bf16.
  package var levels: [Int8] { scheme.levels }
}

extension WeightFormat.Scheme {
  /// Whether codes are indices of a table of levels.
  package var isNonlinear: Bool { self == .nl4 || self == .nl3 }

  /// As of a format.
  package var levels: [Int8] {
    switch self {
    case .nl4: (0..<16).map { Int8(quire_nl4_level($0)) }
    case .nl3: (0..<8).map { Int8(quire_nl3_level($0)) }
    case .bf16, .int8, .int4: []
    }
  }

  /// Whether every format of it has a group: only int8 may have one scale per output channel.
  package var needsGroup: Bool { self == .int4 || isNonlinear }

  /// Whether there are formats of it with zero points.
  var mayHaveZeros: Bool { self == .int8 || self == .int4 }

  /// The types that its scales may have. No other program stores weights of nl3, so none has float16 scales for them.
  var scaleTypes: [WeightFormat.ScaleType] {
    self == .bf16 || self == .nl3 ? [.bfloat16] : [.bfloat16, .float16]
  }

  /// How the kernels name the layout of its codes; bf16 has none.
  var layout: quire_layout {
    switch self {
    case .bf16: preconditionFailure("bf16 matrices are dense")
    case .int8: QUIRE_INT8
    case .int4: QUIRE_INT4
    case .nl4: QUIRE_NL4
    case .nl3: QUIRE_NL3
    }
  }
}
