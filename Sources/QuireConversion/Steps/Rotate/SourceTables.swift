import QuireModel
import QuireOptimization
import QuireTensors

/// Embedding, final norm and lm_head of a checkpoint as the steps after `rotate` find them; as they are stored in a
/// recipe without that step.
struct SourceTables {
  let loader: LayerLoader
  let rotation: ModelRotation?

  /// Embedding or lm_head as it is stored; tied ones are the same matrix.
  func stored(_ name: TensorName) throws(ModelError) -> WeightMatrix {
    let source = name == .head && loader.configuration.tiesEmbeddings ? .embedding : name
    let shape = source.shape(in: loader.configuration)
    return try loader.matrix(source, rows: shape[0], columns: shape[1])
  }

  /// The stored matrix in the basis that `rotate` chooses.
  func rotated(_ matrix: WeightMatrix, as name: TensorName) throws(ModelError) -> WeightMatrix {
    guard let rotation else { return matrix }
    guard name == .head else { return rotation.rotated(embedding: matrix) }
    return rotation.rotated(head: matrix, finalNorm: try loader.finalNorm(of: loader.configuration))
  }

  func matrix(_ name: TensorName) throws(ModelError) -> WeightMatrix {
    try rotated(try stored(name), as: name)
  }

  func finalNorm() throws(ModelError) -> HostBuffer<Float> {
    let norm = try loader.finalNorm(of: loader.configuration)
    return rotation?.rotated(finalNorm: norm) ?? norm
  }
}
