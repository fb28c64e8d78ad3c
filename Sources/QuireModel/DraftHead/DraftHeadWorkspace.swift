import QuireTensors

/// The buffers of a draft head's pass.
// Unchecked: inside a region each thread of the team touches its own rows.
final class DraftHeadWorkspace: @unchecked Sendable {
  let input: MatrixInput
  let gated: MatrixInput
  let hidden: HostBuffer<Float>  // (row, hidden)
  let joined: HostBuffer<Float>  // (row, embedding and hidden)
  let keys: HostBuffer<Float>  // (row, KV head, head size)
  let values: HostBuffer<Float>  // (row, KV head, head size)
  let cosines: HostBuffer<Float>  // (row, head size / 2)
  let sines: HostBuffer<Float>  // (row, head size / 2)
  let positions: HostBuffer<Int32>  // (row)
  private let blocks: HostBuffer<Int32>  // (row)
  let queryInputs: HostBuffer<Float>  // (logit row, embedding and hidden)
  let queries: HostBuffer<Float>  // (logit row, query head, head size)
  let attended: HostBuffer<Float>  // (logit row, query head, head size)
  /// The residual stream, which takes the place of features in the next run.
  let outputs: HostBuffer<Float>  // (logit row, hidden)
  let normed: HostBuffer<Float>  // (logit row, hidden)
  let gates: HostBuffer<Float>  // (logit row, intermediate)
  let ups: HostBuffer<Float>  // (logit row, intermediate)
  let logits: HostBuffer<Float>  // (logit row, draft vocabulary)

  init(_ configuration: DraftHeadConfiguration, maximumRows: Int, maximumLogitRows: Int) {
    let model = configuration.model
    let layer = model.layers[0]
    let queryWidth = layer.queryHeadCount * model.headSize
    let keyValueWidth = layer.keyValueHeadCount * model.headSize
    let columns = [
      DraftHeadConfiguration.featureCount * configuration.targetHiddenSize, 2 * model.hiddenSize, queryWidth,
    ]
    input = MatrixInput(maximumRows: maximumRows, maximumColumns: columns.max() ?? 0)
    gated = MatrixInput(maximumRows: maximumLogitRows, maximumColumns: layer.intermediateSize)
    hidden = HostBuffer(count: maximumRows * model.hiddenSize)
    joined = HostBuffer(count: maximumRows * 2 * model.hiddenSize)
    keys = HostBuffer(count: maximumRows * keyValueWidth)
    values = HostBuffer(count: maximumRows * keyValueWidth)
    cosines = HostBuffer(count: maximumRows * model.headSize / 2)
    sines = HostBuffer(count: maximumRows * model.headSize / 2)
    positions = HostBuffer(count: maximumRows)
    blocks = HostBuffer(count: maximumRows)
    queryInputs = HostBuffer(count: maximumLogitRows * 2 * model.hiddenSize)
    queries = HostBuffer(count: maximumLogitRows * queryWidth)
    attended = HostBuffer(count: maximumLogitRows * queryWidth)
    outputs = HostBuffer(count: maximumLogitRows * model.hiddenSize)
    normed = HostBuffer(count: maximumLogitRows * model.hiddenSize)
    gates = HostBuffer(count: maximumLogitRows * layer.intermediateSize)
    ups = HostBuffer(count: maximumLogitRows * layer.intermediateSize)
    logits = HostBuffer(count: maximumLogitRows * model.vocabularySize)
  }

  /// Bytes of the float buffers.
  var bufferBytes: Int {
    let floats = [
      hidden, joined, keys, values, cosines, sines, queryInputs, queries, attended, outputs, normed, gates,
      ups,
      logits,
    ]
    return floats.reduce(positions.byteCount + blocks.byteCount) { $0 + $1.byteCount }
  }

  /// Where the key and value of a row are stored.
  func setSlot(_ row: Int, position: Int, block: Int32) {
    positions.pointer[row] = Int32(position)
    blocks.pointer[row] = block
  }

  func slot(_ row: Int) -> (block: Int, offset: Int) {
    (Int(blocks.pointer[row]), Int(positions.pointer[row]) % KeyValueCache.blockSize)
  }
}
