package import QuireCheckpoints
package import QuireTensors

/// What becomes of a checkpoint's quantized matrices, as a conversion plans it.
package struct QuantizedSource: Sendable {
  /// "AWQ".
  package let name: String
  /// The weight format that will hold each matrix exactly, by name; absent for matrices whose floats are stored.
  package let kept: [String: WeightFormat]
  private let names: Set<String>
  /// Number of quantized matrices.
  package var count: Int { names.count }

  /// Nil for a checkpoint without quantized matrices. Reads no weights: a matrix whose zero points are all those of weight
  /// 0, or whose float32 scales are not float16, turns out to have another format when it is read.
  package init?(_ checkpoint: Checkpoint) {
    guard let name = checkpoint.quantizationName else { return nil }
    self.name = name
    names = Set(checkpoint.quantizedNames)
    var kept: [String: WeightFormat] = [:]
    for name in names {
      guard let stored = checkpoint.storedFormat(name), let columns = checkpoint.record(name)?.shape.last,
        let format = WeightFormat(holding: stored, columns: columns)
      else { continue }
      kept[name] = format
    }
    self.kept = kept
  }

  /// Whether a conversion that keeps the weights stores the matrix as float32.
  package func isStoredAsFloat32(_ name: TensorName) -> Bool {
    names.contains(name.string) && kept[name.string] == nil
  }

  /// What a conversion does with the matrices.
  /// - Parameter keepsGrids: whether the recipe leaves all weights as they are.
  package func sentence(keepsGrids: Bool) -> String {
    let matrices = count == 1 ? "1 matrix" : "\(count) matrices"
    let opening = "quantized checkpoint: \(matrices) in \(name)"
    guard keepsGrids else {
      return opening + ", dequantized to float32 first, because the recipe changes weights"
    }
    if kept.count == count { return opening + ", kept exactly: the same codes, scales and zero points" }
    let rest = "\(count - kept.count) stored as float32, because no weight format holds them exactly"
    let advice = "a recipe such as int8 makes them small"
    return kept.isEmpty
      ? "\(opening), all \(rest); \(advice)" : "\(opening): \(kept.count) kept exactly, \(rest); \(advice)"
  }
}

extension WeightFormat {
  fileprivate init?(holding stored: Checkpoint.StoredFormat, columns: Int) {
    guard stored.isInteger, !stored.isPermuted,
      let group = StoredGrid.kernelGroup(stored.group, columns, stored.bits)
    else { return nil }
    let format = WeightFormat(
      scheme: stored.bits == 4 ? .int4 : .int8, group: group, isSymmetric: !stored.hasZeros,
      scaleType: stored.scaleElement == .bfloat16 ? .bfloat16 : .float16)
    do { try format.validate(columns: columns, name: "") } catch { return nil }
    self = format
  }
}
