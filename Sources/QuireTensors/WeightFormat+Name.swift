/// Formats as text: in packs, plans, records and options.
extension WeightFormat: CustomStringConvertible {
  /// "bf16", "int8", "int4 g128", "int4-asymmetric g128", "nl4 g64".
  package var description: String { name + (group.map { " g\($0)" } ?? "") }

  /// The format without its group: the scheme, then "-asymmetric" with zero points and "-float16" with scales of
  /// that type.
  package var name: String {
    scheme.rawValue + (isSymmetric ? "" : Self.asymmetric) + (scaleType == .float16 ? Self.float16 : "")
  }

  private static let asymmetric = "-asymmetric"
  private static let float16 = "-float16"

  /// The format with this name; nil when there is none.
  package init?(name: String, group: Int?) {
    let all = Scheme.allCases.flatMap { scheme in
      (scheme.mayHaveZeros ? [true, false] : [true]).flatMap { isSymmetric in
        scheme.scaleTypes.map {
          WeightFormat(scheme: scheme, group: group, isSymmetric: isSymmetric, scaleType: $0)
        }
      }
    }
    guard let found = all.first(where: { $0.name == name }) else { return nil }
    self = found
  }
}

extension WeightFormat.ScaleType {
  /// The type that holds all of `scales` exactly, bfloat16 before float16; nil when neither does.
  package static func holding(_ scales: UnsafeBufferPointer<Float>) -> Self? {
    allCases.first { type in scales.allSatisfy { type.holds($0) } }
  }

  /// Whether a scale is finite and of this type exactly.
  package func holds(_ scale: Float) -> Bool { scale.isFinite && value(bits(scale)) == scale }

  /// The nearest bit pattern, ties to even.
  package func bits(_ scale: Float) -> UInt16 {
    switch self {
    case .bfloat16: scale.bfloat16Bits
    case .float16: scale.halfBits
    }
  }

  package func value(_ bits: UInt16) -> Float {
    switch self {
    case .bfloat16: Float(bfloat16Bits: bits)
    case .float16: Float(halfBits: bits)
    }
  }
}

/// As an object, whose members beyond scheme and group are present only where they differ from the usual.
extension WeightFormat: Codable {
  private enum Key: String, CodingKey { case scheme, group, symmetric, scaleType }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    let scheme = try values.decode(Scheme.self, forKey: .scheme)
    let isSymmetric = try values.decodeIfPresent(Bool.self, forKey: .symmetric) ?? true
    let scaleType = try values.decodeIfPresent(ScaleType.self, forKey: .scaleType) ?? .bfloat16
    guard isSymmetric || scheme.mayHaveZeros, scheme.scaleTypes.contains(scaleType) else {
      throw DecodingError.dataCorruptedError(
        forKey: .scheme, in: values, debugDescription: "\(scheme) with zero points or float16 scales")
    }
    self.init(
      scheme: scheme, group: try values.decodeIfPresent(Int.self, forKey: .group), isSymmetric: isSymmetric,
      scaleType: scaleType)
  }

  package func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(scheme, forKey: .scheme)
    try values.encodeIfPresent(group, forKey: .group)
    if !isSymmetric { try values.encode(false, forKey: .symmetric) }
    if scaleType != .bfloat16 { try values.encode(scaleType, forKey: .scaleType) }
  }
}
