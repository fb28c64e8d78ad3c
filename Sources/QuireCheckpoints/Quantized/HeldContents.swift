import Synchronization

/// The tensors of the matrix whose rows were read last, because a large matrix is read in bands.
final class HeldContents: Sendable {
  private let last = Mutex<(name: String, contents: EncodedMatrix.Contents)?>(nil)

  /// - Parameter keeps: whether other rows of the same matrix will be read.
  func contents(
    of matrix: EncodedMatrix, noting hashes: TensorHashes?, keeps: Bool
  ) throws(CheckpointError) -> EncodedMatrix.Contents {
    if hashes == nil, let found = last.withLock({ $0?.name == matrix.name ? $0?.contents : nil }) {
      return found
    }
    let contents = try matrix.read(noting: hashes)
    last.withLock { $0 = keeps ? (matrix.name, contents) : nil }
    return contents
  }
}
