extension PackTensor.Stream {
  /// What makes two streams the same: their bytes, and how frames hold them.
  struct Contents: Hashable {
    let rawBytes: Int
    let hash: UInt64
    let splitsBrainFloats: Bool
  }

  var contents: Contents { Contents(rawBytes: rawBytes, hash: hash, splitsBrainFloats: kind == .bf16) }

  /// This stream of a parent as one of a delta pack.
  func inherited(as kind: PackStreamKind) -> Self {
    var stream = PackTensor.Stream(
      kind: kind, rawBytes: rawBytes, frameBytes: frameBytes, firstFrame: firstFrame, hash: hash,
      packedHash: packedHash, packedBytes: packedBytes)
    stream.source = .parent
    return stream
  }
}

extension PackReader {
  /// The first stream of each contents.
  var streamOfContents: [PackTensor.Stream.Contents: PackTensor.Stream] {
    Dictionary(
      tensors.flatMap { $0.streams.map { ($0.contents, $0) } }, uniquingKeysWith: { first, _ in first })
  }
}
