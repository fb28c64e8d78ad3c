import QuireCalibration
import QuireOptimization
import QuireModel
import QuireCheckpoints

/// The time of a conversion by activity, in seconds. All but `reading` happen one after another and add up to the
/// total.
package struct ConversionTimes: Sendable, Equatable {
  /// Reading and hashing the checkpoint, in a separate thread.
  package var reading = 0.0
  /// Time that the other threads waited for it.
  package var waiting = 0.0
  /// Running the calibration text and collecting the statistics of its activations.
  package var calibrating = 0.0
  /// Rotating, pruning, smoothing, choosing codes.
  package var optimizing = 0.0
  /// Compressing and writing.
  package var packing = 0.0
  /// Syncing the pack to the disk, and hashing what of the sources was not hashed while it was read.
  package var finishing = 0.0

  package init() {}

  package var total: Double { waiting + calibrating + optimizing + packing + finishing }

  /// Adds the duration of `body` to one of the members.
  static func measure<Value>(
    _ seconds: inout Double, _ body: () throws(ConversionError) -> Value
  ) throws(ConversionError) -> Value {
    let start = ContinuousClock.now
    defer { seconds += (ContinuousClock.now - start) / .seconds(1) }
    return try body()
  }
}
