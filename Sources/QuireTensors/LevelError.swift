import CKernels

/// The cost of rounding a group of weights to levels: `Σ importance · (w − level · scale)²` with the nearest level, of two
/// at equal distance the upper one. The counterpart of `Kernels.roundingError` for the non-linear schemes; the bits
/// do not depend on the CPU.
///
/// - Parameters:
///   - scale: not 0
///   - levels: integers, rising
package func levelRoundingError(
  of weights: UnsafePointer<Float>, importances: UnsafePointer<Float>, count: Int, scale: Float,
  levels: UnsafeBufferPointer<Float>
) -> Float {
  quire_level_error(weights, importances, Int32(count), scale, levels.baseAddress, Int32(levels.count))
}
