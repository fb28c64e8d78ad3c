import QuireTensors

/// A file of tensors whose header has been checked; values are read on request, by any number of threads.
protocol TensorFile: Sendable {
  var path: String { get }
  var byteCount: Int { get }
  /// In the order of their bytes.
  var records: [TensorRecord] { get }

  /// A tensor in memory, and the hash of its stored bytes if requested.
  ///
  /// Throws when the file has been truncated, or when a value is NaN, infinite or far too large to compute with.
  func read(_ record: TensorRecord, hashing: Bool) throws(CheckpointError) -> (
    view: TensorView, hash: UInt64?
  )

  /// Some rows of a matrix. Precondition: the record is of this file and has two dimensions.
  func readRows(_ rows: Range<Int>, of record: TensorRecord) throws(CheckpointError) -> TensorView

  /// The hash of the bytes before the first tensor: the header.
  func headerHash() throws(CheckpointError) -> UInt64

  /// The hash of some bytes of the file.
  func hash(_ range: Range<Int>) throws(CheckpointError) -> UInt64
}
