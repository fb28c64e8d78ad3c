import QuireModel
import QuireTensors

/// The least work of forward passes: the multiply-adds of their matrices and of attention, and the bytes that must
/// be read.
struct SpeedWork: Sendable, Equatable {
  /// Multiply-adds with quantized matrices.
  var int8MultiplyAdds = 0.0
  /// Multiply-adds with matrices that are not quantized.
  var denseMultiplyAdds = 0.0
  /// Multiply-adds of attention with keys and values in int8.
  var int8AttentionMultiplyAdds = 0.0
  /// Multiply-adds of attention with keys and values in floats.
  var floatAttentionMultiplyAdds = 0.0
  /// Every weight once per pass, and the keys and values that the pass's rows see once per sequence.
  var bytes = 0.0

  /// The multiply-adds that the share of compute refers to: those with weights.
  var matrixMultiplyAdds: Double { int8MultiplyAdds + denseMultiplyAdds }

  /// The least time in seconds that the machine's limits allow: compute or reading, whichever takes longer.
  func fewestSeconds(_ limits: MachineLimits) -> Double {
    let computing =
      (int8MultiplyAdds + int8AttentionMultiplyAdds) / limits.int8MultiplyAddsPerSecond
      + denseMultiplyAdds / limits.bf16MultiplyAddsPerSecond
      + floatAttentionMultiplyAdds / limits.floatMultiplyAddsPerSecond
    return max(computing, bytes / limits.readBytesPerSecond)
  }

  /// Adds the work of one forward pass.
  mutating func add(_ batch: ForwardBatch, model: Model, keyValueElement: KeyValueElement) {
    let rows = batch.tokens.count
    for layer in model.layers {
      for tensor in LayerTensor.projections { multiply(layer[tensor], rows: rows) }
      attend(batch, layer.shape, headSize: model.configuration.headSize, element: keyValueElement)
    }
    if !batch.logitRows.isEmpty { multiply(model.head, rows: batch.logitRows.count) }
    bytes += Double(rows * model.embedding.byteCount / model.embedding.rows)
  }

  /// Adds the work of a pass of a draft head, whose attention only rows have that are drafted from.
  mutating func add(
    _ batch: ForwardBatch, head: DraftHead, readsFeatures: Bool, keyValueElement: KeyValueElement
  ) {
    let model = head.configuration.model
    for matrix in head.rowMatrices(readsFeatures: readsFeatures) {
      multiply(matrix, rows: batch.tokens.count)
    }
    if !batch.logitRows.isEmpty {
      for matrix in head.draftMatrices { multiply(matrix, rows: batch.logitRows.count) }
    }
    batch.forEachLogitRow { _, position, _ in
      attend(
        seen: position + 1, positions: position + 1, model.layers[0], headSize: model.headSize,
        element: keyValueElement)
    }
  }

  /// This work and other work, so many times.
  func adding(_ other: SpeedWork, times: Double = 1) -> SpeedWork {
    SpeedWork(
      int8MultiplyAdds: int8MultiplyAdds + times * other.int8MultiplyAdds,
      denseMultiplyAdds: denseMultiplyAdds + times * other.denseMultiplyAdds,
      int8AttentionMultiplyAdds: int8AttentionMultiplyAdds + times * other.int8AttentionMultiplyAdds,
      floatAttentionMultiplyAdds: floatAttentionMultiplyAdds + times * other.floatAttentionMultiplyAdds,
      bytes: bytes + times * other.bytes)
  }

  /// The mean of `count` repetitions that were added up.
  func divided(by count: Int) -> SpeedWork { SpeedWork().adding(self, times: 1 / Double(count)) }

  private mutating func multiply(_ matrix: WeightMatrix, rows: Int) {
    let multiplyAdds = Double(matrix.rows) * Double(matrix.columns) * Double(rows)
    switch matrix {
    case .quantized: int8MultiplyAdds += multiplyAdds
    case .dense: denseMultiplyAdds += multiplyAdds
    }
    bytes += Double(matrix.byteCount)
  }

  private mutating func attend(
    _ batch: ForwardBatch, _ shape: LayerShape, headSize: Int, element: KeyValueElement
  ) {
    for slice in batch.sequences {
      // Row r sees firstPosition + r + 1 positions.
      let seen = slice.rowCount * slice.firstPosition + slice.rowCount * (slice.rowCount + 1) / 2
      attend(
        seen: seen, positions: slice.firstPosition + slice.rowCount, shape, headSize: headSize,
        element: element)
    }
  }

  /// - Parameters:
  ///   - seen: keys that all rows see together
  ///   - positions: keys that are read
  private mutating func attend(
    seen: Int, positions: Int, _ shape: LayerShape, headSize: Int, element: KeyValueElement
  ) {
    let multiplyAdds = Double(2 * shape.queryHeadCount * headSize * seen)
    switch element {
    case .int8: int8AttentionMultiplyAdds += multiplyAdds
    case .float16, .float32: floatAttentionMultiplyAdds += multiplyAdds
    }
    let blockBytes = 2 * shape.keyValueHeadCount * element.blockBytes(headSize: headSize)
    bytes += Double(blockBytes * positions) / Double(KeyValueCache.blockSize)
  }
}
