import CKernels

/// How a matrix is stored: `bf16`, or integers of one symmetric grid with a scale per group of input columns.
package struct WeightFormat: Hashable, Sendable, Codable, CustomStringConvertible {
  package enum Scheme: String, Sendable, CaseIterable, Codable { case bf16, int8, int4 }

  package let scheme: Scheme
  /// Input columns that share a scale; nil means one scale per output channel (int8 only).
  package let group: Int?

  package static let bf16 = WeightFormat(scheme: .bf16, group: nil)
  package static func int8(group: Int? = nil) -> WeightFormat { .init(scheme: .int8, group: group) }
  package static func int4(group: Int = 128) -> WeightFormat { .init(scheme: .int4, group: group) }

  package init(scheme: Scheme, group: Int?) {
    self.scheme = scheme
    self.group = group
  }

  /// "bf16", "int8", "int4 g128".
  package var description: String { scheme.rawValue + (group.map { " g\($0)" } ?? "") }

  /// Group sizes that the kernels and export formats support.
  package static let groups = [32, 64, 128]

  /// Throws one sentence when a matrix of `columns` inputs cannot have this format.
  package func validate(columns: Int, name: String) throws(TensorError) {
    switch scheme {
    case .bf16:
      if group != nil { throw .format("\(name): bf16 has no groups; leave the group out") }
    case .int8, .int4:
      guard let group else {
        if scheme == .int4 { throw .format("\(name): int4 needs a group; choose 32, 64 or 128") }
        if columns % 4 != 0 {
          throw .format(
            "\(name): \(self) needs a width divisible by 4, found \(columns); keep this matrix in bf16")
        }
        if columns > 65_000 {
          throw .format(
            "\(name): channel-wise int8 holds at most 65000 inputs, found \(columns); choose a group")
        }
        return
      }
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

  /// Bytes of the codes of a matrix, padded to whole panels.
  package func codeByteCount(rows: Int, columns: Int) -> Int {
    let panels = (rows + Int(QUIRE_PANEL) - 1) / Int(QUIRE_PANEL)
    switch scheme {
    case .bf16: return rows * columns * 2
    case .int8: return panels * 32 * columns
    case .int4: return panels * 16 * columns
    }
  }

  /// Number of scales of a matrix, padded to whole panels; 0 for bf16.
  package func scaleCount(rows: Int, columns: Int) -> Int {
    guard scheme != .bf16 else { return 0 }
    let panels = (rows + Int(QUIRE_PANEL) - 1) / Int(QUIRE_PANEL)
    return panels * 32 * (columns / (group ?? columns))
  }

  /// Bytes of codes and scales together.
  package func byteCount(rows: Int, columns: Int) -> Int {
    codeByteCount(rows: rows, columns: columns) + 2 * scaleCount(rows: rows, columns: columns)
  }

  /// Smallest and largest signed code.
  package var codeRange: ClosedRange<Int> { scheme == .int4 ? -8...7 : -128...127 }
}
