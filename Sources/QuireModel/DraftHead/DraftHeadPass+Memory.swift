import QuireTensors

extension DraftHeadPass {
  /// Bytes of a pass of this size besides weights and cache.
  package static func workspaceBytes(
    _ configuration: DraftHeadConfiguration, maximumRows: Int, maximumLogitRows: Int
  ) -> Int {
    let model = configuration.model
    let layer = model.layers[0]
    let queryWidth = layer.queryHeadCount * model.headSize
    let keyValueWidth = layer.keyValueHeadCount * model.headSize
    // Hidden and joined, keys and values, cosines and sines, position and block.
    let row = 3 * model.hiddenSize + 2 * keyValueWidth + model.headSize + 2
    // Inputs of queries, queries and attended, outputs and normed, gates and ups, logits.
    let logitRow =
      4 * model.hiddenSize + 2 * queryWidth + 2 * layer.intermediateSize + model.vocabularySize
    let attention = 32 * (layer.queryHeadCount + layer.keyValueHeadCount)
    let columns = max(
      DraftHeadConfiguration.featureCount * configuration.targetHiddenSize, 2 * model.hiddenSize, queryWidth)
    return 4 * maximumRows * row + maximumLogitRows * (4 * logitRow + attention)
      + MatrixInput.byteCount(maximumRows: maximumRows, maximumColumns: columns)
      + MatrixInput.byteCount(
        maximumRows: maximumLogitRows, maximumColumns: layer.intermediateSize)
  }

  /// Bytes of the float buffers that this pass holds.
  package var bufferBytes: Int { workspace.bufferBytes }
}
