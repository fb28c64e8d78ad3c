package import QuireJSON

/// The configuration of a Qwen3 model: sizes, rotary embedding and the shape of each layer.
///
/// `ModelConfiguration(json:)` reads a Hugging Face config.json, in the style of the published Qwen3 files or of
/// transformers 5, and the additional member `quire_layers` of pruned models' packs.
package struct ModelConfiguration: Sendable, Equatable {
  package let hiddenSize: Int
  /// Width of a head; even.
  package let headSize: Int
  package let vocabularySize: Int
  package let rmsNormEpsilon: Float
  package let rope: RopeParameters
  /// Whether the lm_head is the embedding matrix.
  package let tiesEmbeddings: Bool
  package let maximumPositions: Int
  package let beginOfSequenceID: Int32?
  package let endOfSequenceIDs: [Int32]
  package let layers: [LayerShape]

  package var layerCount: Int { layers.count }

  package init(
    hiddenSize: Int, headSize: Int, vocabularySize: Int, rmsNormEpsilon: Float = 1e-6,
    rope: RopeParameters = RopeParameters(theta: 1_000_000), tiesEmbeddings: Bool,
    maximumPositions: Int = 40960, beginOfSequenceID: Int32? = nil, endOfSequenceIDs: [Int32] = [],
    layers: [LayerShape]
  ) {
    precondition(headSize % 2 == 0 && headSize > 0, "rotary embedding needs an even head size")
    precondition(!layers.isEmpty, "a model has at least one layer")
    self.hiddenSize = hiddenSize
    self.headSize = headSize
    self.vocabularySize = vocabularySize
    self.rmsNormEpsilon = rmsNormEpsilon
    self.rope = rope
    self.tiesEmbeddings = tiesEmbeddings
    self.maximumPositions = maximumPositions
    self.beginOfSequenceID = beginOfSequenceID
    self.endOfSequenceIDs = endOfSequenceIDs
    self.layers = layers
  }

  /// The same model with other layer shapes, after pruning.
  package func replacingLayers(_ layers: [LayerShape]) -> ModelConfiguration {
    ModelConfiguration(
      hiddenSize: hiddenSize, headSize: headSize, vocabularySize: vocabularySize,
      rmsNormEpsilon: rmsNormEpsilon, rope: rope, tiesEmbeddings: tiesEmbeddings,
      maximumPositions: maximumPositions, beginOfSequenceID: beginOfSequenceID,
      endOfSequenceIDs: endOfSequenceIDs, layers: layers)
  }

  /// The same model with a separate lm_head.
  package func withOwnHead() -> ModelConfiguration {
    ModelConfiguration(
      hiddenSize: hiddenSize, headSize: headSize, vocabularySize: vocabularySize,
      rmsNormEpsilon: rmsNormEpsilon, rope: rope, tiesEmbeddings: false,
      maximumPositions: maximumPositions, beginOfSequenceID: beginOfSequenceID,
      endOfSequenceIDs: endOfSequenceIDs, layers: layers)
  }

  /// The widest layer's counts, which determine workspace sizes.
  package var maximumQueryHeadCount: Int { layers.map(\.queryHeadCount).max() ?? 0 }
  package var maximumKeyValueHeadCount: Int { layers.map(\.keyValueHeadCount).max() ?? 0 }
  package var maximumIntermediateSize: Int { layers.map(\.intermediateSize).max() ?? 0 }

  /// Whether all layers are equal and their heads regular, so that config.json can describe them with single
  /// numbers and other programs can run the model.
  package var isUniform: Bool {
    layers.allSatisfy { $0 == layers[0] } && layers[0].isRegular
  }
}

extension ModelConfiguration {
  /// The most positions of a sequence: those of config.json, or the context length that YaRN extends the rotary
  /// embedding to.
  package var contextPositions: Int {
    guard let yarn = rope.yarn else { return maximumPositions }
    let stretched = yarn.factor * Double(yarn.originalMaximumPositions)
    return max(maximumPositions, Int(min(stretched, Double(Self.positionsMax))))
  }

  /// The end-of-sequence ids in a generation_config.json: `eos_token_id`, one or a list. Throws `invalidField` for
  /// any other value, because answers would then never end.
  package static func endOfSequenceIDs(
    generationConfiguration: JSONValue?
  ) throws(ModelError) -> Set<Int32> {
    guard let value = generationConfiguration?["eos_token_id"], !value.isNull else { return [] }
    var ids: Set<Int32> = []
    for item in value.arrayValue ?? [value] {
      guard let id = item.intValue.flatMap(Int32.init(exactly:)), id >= 0 else {
        throw .invalidField(
          field: "eos_token_id (in generation_config.json)", expected: "a token id or a list of them",
          found: ConfigurationFields.shown(value))
      }
      ids.insert(id)
    }
    return ids
  }
}
