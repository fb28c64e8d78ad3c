import QuireCalibration
import QuireOptimization
import QuireModel
import QuireCheckpoints

/// Where the time of a conversion went, in seconds. All but `reading` follow each other and add up to the whole.
package struct ConversionTimes: Sendable, Equatable {
  /// Reading and hashing the checkpoint, by a thread beside the others.
  package var reading = 0.0
  /// What the others had to wait for it.
  package var waiting = 0.0
  /// Activations, pruning, smoothing, choosing codes.
  package var optimizing = 0.0
  /// Compressing and writing.
  package var packing = 0.0
  /// Bringing the pack to the disk, and what of the sources had not been hashed in passing.
  package var finishing = 0.0

  package var total: Double { waiting + optimizing + packing + finishing }

  /// Adds the time that `body` takes to one of the members.
  static func measure<Value>(
    _ seconds: inout Double, _ body: () throws(ConversionError) -> Value
  ) throws(ConversionError) -> Value {
    let start = ContinuousClock.now
    defer { seconds += (ContinuousClock.now - start) / .seconds(1) }
    return try body()
  }
}
