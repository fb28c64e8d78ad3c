package import QuireTensors

extension DraftHeadConfiguration {
  /// Tokens of the vocabulary of published heads.
  private static let publishedVocabularySize = 32_000

  /// The sizes that published heads for a model have: one layer like its first.
  package static func published(for target: ModelConfiguration) -> DraftHeadConfiguration {
    let count = target.layerCount
    return DraftHeadConfiguration(
      model: ModelConfiguration(
        hiddenSize: target.hiddenSize, headSize: target.headSize,
        vocabularySize: min(publishedVocabularySize, target.vocabularySize),
        rmsNormEpsilon: target.rmsNormEpsilon, rope: target.rope, tiesEmbeddings: false,
        maximumPositions: target.maximumPositions, layers: [target.layers[0]]),
      targetHiddenSize: target.hiddenSize, targetVocabularySize: target.vocabularySize,
      // Of a model cut to a few layers, those that are there.
      namedFeatureLayers: [min(2, count), count / 2, max(0, count - 3)])
  }
}

extension DraftHead {
  /// How a head of random weights is stored: as one from disk.
  private static let randomFormat = WeightFormat.int8()

  /// A head of random weights, for measuring speed. Its vocabulary is the first of the target's.
  package static func random(
    _ configuration: DraftHeadConfiguration, target: ModelConfiguration, seed: UInt64, team: ThreadTeam
  ) throws(ModelError) -> DraftHead {
    let source = RandomWeights(format: randomFormat, embeddingFormat: randomFormat, seed: seed, team: team)
    var matrices: [DraftHeadTensor: WeightMatrix] = [:]
    var norms: [DraftHeadTensor: HostBuffer<Float>] = [:]
    for tensor in DraftHeadTensor.allCases {
      let shape = tensor.shape(in: configuration)
      if tensor.isNorm {
        let ones = HostBuffer<Float>(count: shape[0])
        ones.buffer.update(repeating: 1)
        norms[tensor] = ones
      } else {
        matrices[tensor] = try source.matrix(
          named: tensor.name, tensor == .fusion ? .bf16 : randomFormat, rows: shape[0], columns: shape[1])
      }
    }
    return DraftHead(
      configuration: configuration, featureLayers: try configuration.featureLayers(of: target),
      embedding: nil, targetIDs: (0..<configuration.model.vocabularySize).map(Int32.init),
      matrices: matrices, norms: norms)
  }

  /// Bytes of the weights of such a head.
  package static func randomWeightBytes(_ configuration: DraftHeadConfiguration) -> Int {
    weightBytes(configuration, format: randomFormat) { tensor in
      tensor.shape(in: configuration).reduce(2, *)
    }
  }
}
