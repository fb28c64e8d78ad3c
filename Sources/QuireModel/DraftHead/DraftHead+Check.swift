package import QuireCheckpoints
import QuireTensors

extension DraftHead {
  /// Checks all tensors but the values of the weights, which take the time to read them: presence, shapes, types and the
  /// map of the vocabulary. Refuses tensors that would change the head's function.
  package static func check(
    _ checkpoint: Checkpoint, _ configuration: DraftHeadConfiguration
  ) throws(ModelError) {
    for tensor in DraftHeadTensor.allCases {
      do { try checkpoint.check(tensor.name, shape: tensor.shape(in: configuration)) } catch {
        throw .checkpoint(error.description)
      }
    }
    try checkEmbedding(checkpoint, configuration)
    try checkInverseMap(checkpoint, configuration)
    _ = try targetIDs(checkpoint, configuration)
    try checkNames(checkpoint)
  }

  static func embeddingShape(_ configuration: DraftHeadConfiguration) -> [Int] {
    [configuration.targetVocabularySize, configuration.model.hiddenSize]
  }

  private static func checkEmbedding(
    _ checkpoint: Checkpoint, _ configuration: DraftHeadConfiguration
  ) throws(ModelError) {
    let name = DraftHeadTensor.embeddingName
    guard checkpoint.record(name) != nil else {
      guard configuration.model.hiddenSize == configuration.targetHiddenSize else {
        throw .draftHead(
          "expected tensor \"\(name)\" in \(checkpoint.folder), whose hidden size \(configuration.model.hiddenSize) is not "
            + "the model's \(configuration.targetHiddenSize), found none; fetch weights and configuration again from one source"
        )
      }
      return
    }
    do { try checkpoint.check(name, shape: embeddingShape(configuration)) } catch {
      throw .checkpoint(error.description)
    }
  }

  /// It is not read, but a wrong one says that the files do not belong together.
  private static func checkInverseMap(
    _ checkpoint: Checkpoint, _ configuration: DraftHeadConfiguration
  ) throws(ModelError) {
    let name = DraftHeadTensor.inverseMapName
    guard checkpoint.record(name) != nil else { return }
    do {
      try checkpoint.check(name, elements: [.bool, .uint8], shape: [configuration.targetVocabularySize])
    } catch {
      throw .checkpoint(error.description)
    }
  }

  private static func checkNames(_ checkpoint: Checkpoint) throws(ModelError) {
    let known = Set(DraftHeadTensor.allCases.map(\.name))
    let unknown = checkpoint.tensorNames.first { name in
      !known.contains(name) && !name.contains("rotary_emb")
        && ["fc.", "midlayer.", "layers.", "norm.", "lm_head."].contains { name.hasPrefix($0) }
    }
    if let unknown {
      throw .draftHead(
        "expected only the tensors of an EAGLE-3 head with one layer and no biases in \(checkpoint.folder), found "
          + "\"\(unknown.prefix(100))\"; choose another head")
    }
  }
}
