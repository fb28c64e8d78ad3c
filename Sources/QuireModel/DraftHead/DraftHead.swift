package import QuireTensors

/// An EAGLE-3 draft head ready to run. Immutable; `DraftHeadPass` runs it.
///
///     let head = try DraftHead(checkpoint, target: model.configuration, format: .int8(), team: team)
///
/// Row i of its input is the embedding of token i + 1 beside the target's features at position i; its output predicts
/// token i + 2. After the last known token, its own output takes the place of the features.
package final class DraftHead: Sendable {
  package let configuration: DraftHeadConfiguration
  /// How many of the target's layers are run before each feature is taken.
  package let featureLayers: [Int]
  /// nil: the target's.
  let embedding: WeightMatrix?  // [target vocabulary, hidden]
  /// The target's id of each token of the draft vocabulary.
  package let targetIDs: [Int32]  // (draft token)
  private let matrices: [DraftHeadTensor: WeightMatrix]
  private let norms: [DraftHeadTensor: HostBuffer<Float>]

  /// Precondition: every tensor is there with its shape, and every id is one of the target's.
  init(
    configuration: DraftHeadConfiguration, featureLayers: [Int], embedding: WeightMatrix?,
    targetIDs: [Int32], matrices: [DraftHeadTensor: WeightMatrix],
    norms: [DraftHeadTensor: HostBuffer<Float>]
  ) {
    self.configuration = configuration
    self.featureLayers = featureLayers
    self.embedding = embedding
    self.targetIDs = targetIDs
    self.matrices = matrices
    self.norms = norms
    for tensor in DraftHeadTensor.allCases {
      let shape = tensor.shape(in: configuration)
      if tensor.isNorm {
        precondition(norms[tensor]?.count == shape[0], "\(tensor) has another width")
      } else {
        precondition(matrices[tensor].map { [$0.rows, $0.columns] } == shape, "\(tensor) has another shape")
      }
    }
    precondition(targetIDs.count == configuration.model.vocabularySize, "ids of another vocabulary")
  }

  func matrix(_ tensor: DraftHeadTensor) -> WeightMatrix {
    guard let matrix = matrices[tensor] else { preconditionFailure("\(tensor) is a norm") }
    return matrix
  }

  func norm(_ tensor: DraftHeadTensor) -> HostBuffer<Float> {
    guard let norm = norms[tensor] else { preconditionFailure("\(tensor) is a matrix") }
    return norm
  }

  /// Bytes of all weights in memory, its own embedding included.
  package var weightBytes: Int {
    let matrixBytes = matrices.values.reduce(0) { $0 + $1.byteCount }
    let normBytes = norms.values.reduce(0) { $0 + $1.byteCount }
    return matrixBytes + normBytes + (embedding?.byteCount ?? 0) + 4 * targetIDs.count
  }

  /// The matrices that a pass multiplies with each row.
  /// - Parameter readsFeatures: whether the rows are known tokens, whose features are fused first
  package func rowMatrices(readsFeatures: Bool) -> [WeightMatrix] {
    (readsFeatures ? [matrix(.fusion)] : []) + [matrix(.keyProjection), matrix(.valueProjection)]
  }

  /// The matrices that a pass multiplies only with the rows that are drafted from.
  package var draftMatrices: [WeightMatrix] {
    [
      .queryProjection, .outputProjection, .gateProjection, .upProjection, .downProjection, .head,
    ].map(matrix)
  }

  /// Bytes that a pass reads: all but the embedding, of which it reads single rows.
  package var passBytes: Int { weightBytes - (embedding?.byteCount ?? 0) }

  /// How the largest matrix, the lm_head, is stored.
  package var format: WeightFormat { matrix(.head).format }
}
