/// The size of a model in bytes.
package struct ModelSize: Sendable, Equatable {
  /// Bytes on disk: the pack, with its parent if it is a delta pack, or the files of a checkpoint that Quire reads.
  package var fileBytes = 0
  /// Bytes of all weights in memory as their schemes store them, scales included, norms as 16-bit numbers.
  package var weightBytes = 0
  /// Number of parameters, after pruning.
  package var parameterCount = 0

  package init(fileBytes: Int = 0, weightBytes: Int = 0, parameterCount: Int = 0) {
    self.fileBytes = fileBytes
    self.weightBytes = weightBytes
    self.parameterCount = parameterCount
  }

  package var bitsPerWeight: Double { 8 * Double(weightBytes) / Double(max(1, parameterCount)) }
}
