package import QuireTensors

/// The weights of one decoder layer. Matrices are [outputs, inputs]; norms are float32 whatever the file holds.
///
/// Conversion replaces matrices one by one through the subscript.
package struct LayerWeights: Sendable {
  package let shape: LayerShape
  package var inputNorm: HostBuffer<Float>  // (hidden)
  package var queryProjection: WeightMatrix
  package var keyProjection: WeightMatrix
  package var valueProjection: WeightMatrix
  package var queryNorm: HostBuffer<Float>  // (head size)
  package var keyNorm: HostBuffer<Float>  // (head size)
  package var outputProjection: WeightMatrix
  package var postAttentionNorm: HostBuffer<Float>  // (hidden)
  package var gateProjection: WeightMatrix
  package var upProjection: WeightMatrix
  package var downProjection: WeightMatrix

  package init(
    shape: LayerShape, inputNorm: HostBuffer<Float>, queryProjection: WeightMatrix,
    keyProjection: WeightMatrix, valueProjection: WeightMatrix, queryNorm: HostBuffer<Float>,
    keyNorm: HostBuffer<Float>, outputProjection: WeightMatrix, postAttentionNorm: HostBuffer<Float>,
    gateProjection: WeightMatrix, upProjection: WeightMatrix, downProjection: WeightMatrix
  ) {
    self.shape = shape
    self.inputNorm = inputNorm
    self.queryProjection = queryProjection
    self.keyProjection = keyProjection
    self.valueProjection = valueProjection
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.outputProjection = outputProjection
    self.postAttentionNorm = postAttentionNorm
    self.gateProjection = gateProjection
    self.upProjection = upProjection
    self.downProjection = downProjection
  }

  /// The layer's matrices by name. Precondition: `tensor` is a projection.
  package subscript(tensor: LayerTensor) -> WeightMatrix {
    get { self[keyPath: Self.matrixPath(tensor)] }
    set { self[keyPath: Self.matrixPath(tensor)] = newValue }
  }

  /// The layer's norm weights by name. Precondition: `tensor` is a norm.
  package subscript(norm tensor: LayerTensor) -> HostBuffer<Float> {
    get { self[keyPath: Self.normPath(tensor)] }
    set { self[keyPath: Self.normPath(tensor)] = newValue }
  }

  /// Bytes of all matrices and norms.
  package var byteCount: Int {
    let matrices = LayerTensor.projections.reduce(0) { $0 + self[$1].byteCount }
    return matrices + inputNorm.byteCount + queryNorm.byteCount + keyNorm.byteCount
      + postAttentionNorm.byteCount
  }

  private static func matrixPath(_ tensor: LayerTensor) -> WritableKeyPath<LayerWeights, WeightMatrix> {
    switch tensor {
    case .queryProjection: \.queryProjection
    case .keyProjection: \.keyProjection
    case .valueProjection: \.valueProjection
    case .outputProjection: \.outputProjection
    case .gateProjection: \.gateProjection
    case .upProjection: \.upProjection
    case .downProjection: \.downProjection
    case .inputNorm, .queryNorm, .keyNorm, .postAttentionNorm: preconditionFailure("\(tensor) is a norm")
    }
  }

  private static func normPath(_ tensor: LayerTensor) -> WritableKeyPath<LayerWeights, HostBuffer<Float>> {
    switch tensor {
    case .inputNorm: \.inputNorm
    case .queryNorm: \.queryNorm
    case .keyNorm: \.keyNorm
    case .postAttentionNorm: \.postAttentionNorm
    default: preconditionFailure("\(tensor) is a matrix")
    }
  }
}
