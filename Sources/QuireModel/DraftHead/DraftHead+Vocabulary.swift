import QuireCheckpoints
import QuireTensors

extension DraftHead {
  /// The target's id of each draft token: its own id and the distance that the map gives.
  static func targetIDs(
    _ checkpoint: Checkpoint, _ configuration: DraftHeadConfiguration
  ) throws(ModelError) -> [Int32] {
    let (count, targetCount) = (configuration.model.vocabularySize, configuration.targetVocabularySize)
    // Without a smaller vocabulary no map is needed.
    if count == targetCount, checkpoint.record(DraftHeadTensor.mapName) == nil {
      return (0..<count).map(Int32.init)
    }
    let view: TensorView
    do {
      view = try checkpoint.tensor(DraftHeadTensor.mapName, elements: [.int64, .int32], shape: [count])
    } catch {
      throw .checkpoint(error.description)
    }
    return try (0..<count).map { token throws(ModelError) in
      let distance =
        view.element == .int64
        ? view.bytes.loadUnaligned(fromByteOffset: 8 * token, as: Int64.self)
        : Int64(view.bytes.loadUnaligned(fromByteOffset: 4 * token, as: Int32.self))
      let (id, overflows) = Int64(token).addingReportingOverflow(distance)
      guard !overflows, (0..<Int64(targetCount)).contains(id) else {
        throw .draftHead(
          "expected \"\(DraftHeadTensor.mapName)\" in \(checkpoint.folder) to lead from each draft token to one of the "
            + "model's \(targetCount) tokens, found the distance \(distance) of draft token \(token); fetch the head "
            + "again, or give the one that was trained for this model")
      }
      return Int32(id)
    }
  }
}
