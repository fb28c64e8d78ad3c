/// The content of a stream of a tensor's bytes.
package enum PackStreamKind: String, Sendable, CaseIterable {
  case codes
  case scales
  /// Zero points of asymmetric weights.
  case zeros
  /// bfloat16 numbers; stored as byte planes (see `BrainFloatPlanes`), read as numbers.
  case bf16
  case raw
}

/// A stream to write: the caller's bytes, borrowed during `addTensor`.
///
///     PackStream(kind: .codes, bytes: matrix.codes, rowBytes: 32 * matrix.columns)
package struct PackStream {
  package var kind: PackStreamKind
  package var bytes: UnsafeRawBufferPointer
  /// Bytes of a unit (a panel of a matrix, a row of a table): frames end on multiples of it.
  package var rowBytes: Int

  package init(kind: PackStreamKind, bytes: UnsafeRawBufferPointer, rowBytes: Int) {
    self.kind = kind
    self.bytes = bytes
    self.rowBytes = rowBytes
  }
}

/// A tensor in a pack, as the manifest describes it.
package struct PackTensor: Sendable, Equatable {
  /// A stream in a pack. Equal streams of different tensors have the same frames.
  package struct Stream: Sendable, Equatable {
    /// Where the stream's frames are and what they unpack to.
    package enum Source: Sendable, Equatable {
      /// The stream's bytes, in this file.
      case file
      /// The stream's bytes, in the parent's file.
      case parent
      /// Differences from codes that are predicted from the parent's tensor of the same name; `tensor` is the index of the
      /// tensor in this pack.
      case difference(tensor: Int)
    }

    package let kind: PackStreamKind
    package let rawBytes: Int
    /// Raw bytes of each frame but the last, which has the rest.
    package let frameBytes: Int
    /// Index of the first frame in the seek table of the file that has it.
    package let firstFrame: Int
    /// XXH64 of the stream's raw bytes.
    package let hash: UInt64
    /// XXH64 of the stream's frames as they are in the file.
    package let packedHash: UInt64
    /// Bytes of the stream's frames in the file.
    package let packedBytes: Int
    package var source = Source.file

    package var frameCount: Int { PackLayout.frameCount(rawBytes: rawBytes, frameBytes: frameBytes) }
    // bounded: a stream's frames are in the seek table
    var frames: Range<Int> { firstFrame..<firstFrame + frameCount }
  }

  package let name: String
  package let shape: [Int]
  package let scheme: String
  package let group: Int?
  package let streams: [Stream]
  /// Where codes are stored as differences, and the parent's weights were scaled: bf16 factors of the columns, then of the
  /// rows.
  package var factors: Stream?

  // bounded: all tensors together take at most 256 times the file
  package var rawBytes: Int { streams.reduce(0) { $0 + $1.rawBytes } }
  /// Bytes in the file, counted for each tensor that shares them; those in the parent's file not counted.
  package var packedBytes: Int {
    storedStreams.reduce(0) { $0 + ($1.source == .parent ? 0 : $1.packedBytes) }
  }
  /// Bytes in the parent's file, counted for each tensor that shares them.
  package var parentBytes: Int { streams.reduce(0) { $0 + ($1.source == .parent ? $1.packedBytes : 0) } }

  /// All streams in the order of the file.
  var storedStreams: [Stream] { (factors.map { [$0] } ?? []) + streams }  // bounded: lists

  /// The same tensor with other streams.
  func with(_ streams: [Stream]) -> PackTensor {
    PackTensor(name: name, shape: shape, scheme: scheme, group: group, streams: streams, factors: factors)
  }

  package func stream(_ kind: PackStreamKind) -> Stream? { streams.first { $0.kind == kind } }
}

/// One frame of a stream: the unit of work that threads share.
package struct PackFrame: Sendable, Equatable {
  /// Index in the seek table.
  let index: Int
  let source: PackTensor.Stream.Source
  let joinsBrainFloats: Bool
  /// The range of its contents in the stream's raw bytes.
  package let range: Range<Int>
}
