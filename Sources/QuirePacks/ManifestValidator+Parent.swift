import QuireFiles
import QuireJSON

/// What only the entries of delta packs have: factors, streams of the parent, and differences.
extension ManifestValidator {
  mutating func factors(
    _ value: JSONValue, of tensor: PackTensor, _ index: Int, _ called: String
  ) throws(PackError) -> PackTensor.Stream {
    let label = "factors of \(called)"
    guard tensor.shape.count == 2, let count = CheckedCount.sum(tensor.shape).value(atMost: 1 << 40) else {
      throw invalid("\(label) (a matrix)", "\(tensor.shape.count) sizes")
    }
    // bounded: by the check before
    let expected = PackSchema.Stream(kind: .bf16, rawBytes: 2 * count)
    let stream = try stream(value, expected, tensor, index, label)
    guard stream.source == .file else { throw invalid("\(label) (in the file itself)", "a stream elsewhere") }
    return stream
  }

  /// A stream of the parent with these contents.
  func inherited(
    _ value: JSONValue, _ expected: PackSchema.Stream, _ parent: PackReader, _ label: String
  ) throws(PackError) -> PackTensor.Stream {
    for key in ["frameBytes", "firstFrame", "packedHash"] where value[key] != .null {
      throw invalid("\(key) of \(label) (null for a stream of the parent)", "something else")
    }
    let hash = try hash(value["hash"], "hash of \(label)")
    let contents = PackTensor.Stream.Contents(
      rawBytes: expected.rawBytes, hash: hash, splitsBrainFloats: expected.kind == .bf16)
    guard let found = parentStreams[contents] else {
      throw invalid(
        "hash of \(label) (that of a stream in \(parent.path))", ContentHash.hexadecimal(hash))
    }
    return found.inherited(as: expected.kind)
  }

  /// Differences are from a matrix of the parent, in frames of whole panels.
  func checkDifference(
    _ stream: PackTensor.Stream, _ tensor: PackTensor, _ label: String
  ) throws(PackError) {
    guard stream.kind == .codes, let parent, CodeDifferences.canPredict(tensor, from: parent),
      let panelBytes = CodeDifferences.panelBytes(tensor)
    else {
      throw invalid("source of \(label)", "differences without codes of that shape in the parent")
    }
    let least = PackLayout.differenceFrameBytesMin
    guard
      stream.frameCount == 1 || (stream.frameBytes % panelBytes == 0 && stream.frameBytes >= least)
    else {
      throw invalid(
        "frameBytes of \(label) (a multiple of \(panelBytes), at least \(least))", "\(stream.frameBytes)")
    }
  }
}
