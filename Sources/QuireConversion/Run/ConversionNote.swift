import QuireCalibration
import QuireOptimization
import QuireModel
import QuireCheckpoints

/// What the journal of an unfinished pack records after each part, in addition to its tensors.
struct ConversionNote: JournalNote {
  let record: PartRecord
  /// The hash of the calibration's hidden states after the part; nil when no later layer needs them.
  let rowsHash: UInt64?
  /// The hashes of the checkpoint's tensors that were read so far, by name.
  let tensorHashes: [String: UInt64]
}
