import QuireTensors

// The part of a pass that all rows have: their keys and values.

extension DraftHeadPass {
  /// hidden = fc · features, or outputs of the run before.
  func setHidden(_ batch: ForwardBatch, _ source: Source) {
    let width = model.hiddenSize
    switch source {
    case .features(let features):
      workspace.input.set(rows: features, count: batch.tokens.count, columns: featureWidth)
      compute.multiply(
        workspace.input, MatrixProduct(head.matrix(.fusion), into: workspace.hidden.pointer))
    case .outputs(let rows):
      precondition(rows.count == batch.tokens.count, "an output for each row")
      for (row, output) in rows.enumerated() {
        (workspace.hidden.pointer + row * width)
          .update(from: workspace.outputs.pointer + output * width, count: width)
      }
    }
  }

  /// Up to this many rows, the calling thread works alone: waking the team would take longer.
  private static let fewRows = 8

  /// Calls `body`, which captures nothing, with shares of the rows, on the team if there are many.
  private func divide(
    _ batch: ForwardBatch, _ body: @escaping (DraftHeadPass, ForwardBatch, Range<Int>) -> Void
  ) {
    let count = batch.tokens.count
    if count <= Self.fewRows { return body(self, batch, 0..<count) }
    compute.team.run(with: (self, batch, body)) { work, share, count in
      let (pass, batch, body) = work
      body(pass, batch, ThreadTeam.range(of: batch.tokens.count, share: share, count: count))
    }
  }

  /// The normalized embeddings beside the normalized hidden states, and the angles of the positions.
  func prepareRows(_ batch: ForwardBatch) {
    var row = 0
    for slice in batch.sequences {
      for position in slice.firstPosition..<slice.firstPosition + slice.rowCount {
        workspace.setSlot(row, position: position, block: slice.blocks[position / KeyValueCache.blockSize])
        row += 1
      }
    }
    divide(batch) { pass, batch, rows in
      for row in rows { pass.prepare(row, token: batch.tokens[row]) }
      let half = pass.model.headSize / 2
      pass.rotary.fill(
        positions: pass.workspace.positions.buffer[rows],
        cosines: pass.workspace.cosines.pointer + rows.lowerBound * half,
        sines: pass.workspace.sines.pointer + rows.lowerBound * half)
    }
  }

  private func prepare(_ row: Int, token: Int32) {
    let width = model.hiddenSize
    let joined = workspace.joined.pointer + row * 2 * width
    embedding.dequantizeRow(Int(token), into: joined, kernels: compute.kernels)
    normalize(joined, .embeddingNorm, into: joined)
    normalize(workspace.hidden.pointer + row * width, .hiddenNorm, into: joined + width)
  }

  private func normalize(
    _ row: UnsafePointer<Float>, _ norm: DraftHeadTensor, into result: UnsafeMutablePointer<Float>
  ) {
    compute.kernels.rmsNorm(
      row, weight: head.norm(norm).pointer, into: result, count: model.hiddenSize,
      epsilon: model.rmsNormEpsilon)
  }

  /// Keys and values of all rows; queries too where all rows are drafted from.
  func multiplyKeysAndValues(_ batch: ForwardBatch) {
    workspace.input.set(
      rows: workspace.joined.pointer, count: batch.tokens.count, columns: 2 * model.hiddenSize)
    let needsAll = batch.logitRows.count == batch.tokens.count
    compute.multiply(
      workspace.input, MatrixProduct(head.matrix(.keyProjection), into: workspace.keys.pointer),
      MatrixProduct(head.matrix(.valueProjection), into: workspace.values.pointer),
      needsAll ? MatrixProduct(head.matrix(.queryProjection), into: workspace.queries.pointer) : nil)
  }

  func storeRows(_ batch: ForwardBatch) {
    divide(batch) { pass, _, rows in
      for row in rows { pass.store(row) }
    }
  }

  private func store(_ row: Int) {
    let layer = model.layers[0]
    let storage = cache.layers[0]
    let (block, offset) = workspace.slot(row)
    for index in 0..<layer.keyValueHeadCount {
      let first = (row * layer.keyValueHeadCount + index) * model.headSize
      let key = workspace.keys.pointer + first
      rotate(key, row: row)
      compute.kernels.storeKeyValue(
        key: key, value: workspace.values.pointer + first,
        keyBlock: UnsafeMutableRawPointer(storage.keys(block: block, head: index)),
        valueBlock: UnsafeMutableRawPointer(storage.values(block: block, head: index)), slot: offset,
        headSize: model.headSize, element: cache.element)
    }
  }

  func rotate(_ head: UnsafeMutablePointer<Float>, row: Int) {
    let half = model.headSize / 2
    compute.kernels.rotate(
      head, cosines: workspace.cosines.pointer + row * half, sines: workspace.sines.pointer + row * half,
      count: model.headSize)
  }
}
