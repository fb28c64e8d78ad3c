package import QuireCheckpoints
package import QuireTensors

/// What becomes of a checkpoint's quantized matrices, as a conversion plans it.
package struct QuantizedSource: Sendable {
  /// "AWQ".
  package let name: String
  /// The weight format that will hold each matrix exactly, by name; absent for matrices whose floats are stored.
  package let kept: [String: WeightFormat]
  /// Bytes of each matrix as the files store it, scales and zero points included.
  package let storedBytes: [String: Int]
  private let names: Set<String>
  /// Number of quantized matrices.
  package var count: Int { names.count }

  private let keepsGrids: Bool

  /// Nil for a checkpoint without quantized matrices. Reads scales and zero points, because they decide what a weight
  /// format holds; codes are not read, nor the blocks of GGUF files.
  ///
  /// - Parameter keepsGrids: whether the recipe leaves all weights as they are.
  package init?(_ checkpoint: Checkpoint, keepsGrids: Bool) throws(ModelError) {
    guard let name = checkpoint.quantizationName else { return nil }
    self.name = name
    self.keepsGrids = keepsGrids
    names = Set(checkpoint.quantizedNames)
    storedBytes = names.reduce(into: [:]) { $0[$1] = checkpoint.storedFormat($1)?.byteCount }
    var kept: [String: WeightFormat] = [:]
    if keepsGrids {
      do throws(CheckpointError) {
        for name in names { kept[name] = try checkpoint.heldFormat(name) }
      } catch {
        throw .checkpoint(error.description)
      }
    }
    self.kept = kept
  }

  /// Whether the checkpoint holds the matrix quantized.
  package func contains(_ name: TensorName) -> Bool { names.contains(name.string) }

  /// What a conversion does with the matrices.
  package var sentence: String {
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

extension Checkpoint {
  /// The weight format that holds a matrix exactly; nil where none does.
  fileprivate func heldFormat(_ name: String) throws(CheckpointError) -> WeightFormat? {
    if let grid = try gridScales(name) { return WeightFormat(holding: grid) }
    guard isFile, let stored = storedFormat(name), let scheme = stored.scheme,
      let columns = record(name)?.shape.last
    else {
      return nil
    }
    return WeightFormat(
      scheme: scheme, width: stored.group, columns: columns, isSymmetric: true, scaleType: .float16)
  }
}
