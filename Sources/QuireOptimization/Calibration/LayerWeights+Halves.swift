import QuireModel
import QuireTensors

// A layer of which only one half is looked at, or gone through: the other half becomes the smallest that the
// graph allows, with weights of zero, and adds nothing.
extension LayerWeights {
  /// The layer with a silent MLP.
  func withoutPerceptron(hiddenSize: Int) -> LayerWeights {
    let width = 32
    var layer = LayerWeights(
      shape: LayerShape(
        keyValueHeadCount: shape.keyValueHeadCount, keyValueHeadOfQueryHead: shape.keyValueHeadOfQueryHead,
        intermediateSize: width), like: self)
    layer.gateProjection = .zeros(width, hiddenSize)
    layer.upProjection = .zeros(width, hiddenSize)
    layer.downProjection = .zeros(hiddenSize, width)
    return layer
  }

  /// The layer with a silent attention of one head.
  func withoutAttention(_ configuration: ModelConfiguration) -> LayerWeights {
    let (hiddenSize, headSize) = (configuration.hiddenSize, configuration.headSize)
    var layer = LayerWeights(
      shape: LayerShape(
        queryHeadCount: 1, keyValueHeadCount: 1, intermediateSize: shape.intermediateSize), like: self)
    layer.queryProjection = .zeros(headSize, hiddenSize)
    layer.keyProjection = .zeros(headSize, hiddenSize)
    layer.valueProjection = .zeros(headSize, hiddenSize)
    layer.outputProjection = .zeros(hiddenSize, headSize)
    return layer
  }

  /// The weights of `other` under a shape that the caller will make true.
  private init(shape: LayerShape, like other: LayerWeights) {
    self.init(
      shape: shape, inputNorm: other.inputNorm, queryProjection: other.queryProjection,
      keyProjection: other.keyProjection, valueProjection: other.valueProjection,
      queryNorm: other.queryNorm, keyNorm: other.keyNorm, outputProjection: other.outputProjection,
      postAttentionNorm: other.postAttentionNorm, gateProjection: other.gateProjection,
      upProjection: other.upProjection, downProjection: other.downProjection)
  }
}

extension WeightMatrix {
  fileprivate static func zeros(_ rows: Int, _ columns: Int) -> WeightMatrix {
    .dense(DenseMatrix(rows: rows, columns: columns, values: HostBuffer(count: rows * columns)))
  }
}

extension ActivationSite {
  /// Numbers in one row of the activation.
  func width(in shape: LayerShape, _ configuration: ModelConfiguration) -> Int {
    switch self {
    case .attentionInput, .mlpInput: configuration.hiddenSize
    case .attentionOutput: shape.queryHeadCount * configuration.headSize
    case .mlpOutput: shape.intermediateSize
    }
  }
}
