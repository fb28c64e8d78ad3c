import QuireFiles
import QuireJSON
import QuireModel

/// The hidden states of a text in the reference, kept for later runs: what a reference costs most. They are not logits;
/// a comparison still runs lm_head.
struct KeptStates {
  let path: String
  private let key: ResultKey
  private let store: ResultStore

  /// Nil when nothing is kept.
  init?(_ store: ResultStore, _ key: ResultKey) {
    guard let path = store.path(key, ".states") else { return nil }
    self.path = path
    self.key = key
    self.store = store
  }

  /// The stream at the last layer that was noted; nil when there is none, or when the file is another one.
  func found(
    layerCount: Int, open: (LayerStream.Storage) throws(EvaluationError) -> LayerStream
  ) -> LayerStream? {
    guard let note = store.value(key), let boundary = note["layers"]?.intValue,
      (0...layerCount).contains(boundary), let hash = note["hash"]?.stringValue,
      let stream = try? open(
        LayerStream.Storage(path: path, filledCopyCount: 1, boundary: boundary)),
      let found = try? stream.hash(), ContentHash.hexadecimal(found) == hash
    else { return nil }
    return stream
  }

  /// Notes that the states have been through the stream's layers.
  func note(_ stream: LayerStream) throws(EvaluationError) {
    let hash = try wrapping(EvaluationError.states, try stream.seal())
    try store.keep(
      ["layers": .int(stream.boundary), "hash": .string(ContentHash.hexadecimal(hash))], key)
  }

  func remove() { try? ScratchFile.remove(path: path) }
}
