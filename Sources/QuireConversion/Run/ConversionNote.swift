import QuireCalibration
import QuireOptimization
import QuireModel
import QuireCheckpoints

/// What the journal of an unfinished pack says beside its tensors when a part is done.
struct ConversionNote: JournalNote {
  let record: PartRecord
  /// The hash of the calibration's hidden states after the part; nil when no later layer looks at them.
  let rowsHash: UInt64?
  /// The hashes of the checkpoint's tensors that were read so far, by name.
  let tensorHashes: [String: UInt64]
}
