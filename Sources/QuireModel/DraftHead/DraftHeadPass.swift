package import QuireTensors

/// Runs a draft head on batches of rows. All memory is planned at creation; `run` allocates nothing.
///
/// A head has one layer, so the keys and values of a row depend on its own input only: rows that are not drafted from cost
/// no more than those. Queries, attention and everything after it are computed for `batch.logitRows` alone.
///
///     let pass = DraftHeadPass(head, embedding: model.embedding, cache: cache, compute: compute, maximumRows: 256)
///     let logits = pass.run(batch, from: .features(rows))    // after known tokens
///     let next = pass.run(chain, from: .outputs([0]))        // after the drafts of the run before
// Unchecked: used by one thread at a time; inside a region each thread of the team touches its own rows and heads.
package final class DraftHeadPass: @unchecked Sendable {
  /// What stands beside the embeddings of a batch.
  package enum Source {
    /// The target's features, (row, feature, target hidden).
    case features(UnsafePointer<Float>)
    /// The head's own outputs of these logit rows of the run before.
    case outputs([Int])
  }

  package let head: DraftHead
  package let maximumRows: Int
  package let maximumLogitRows: Int
  /// Floats of the features of a row.
  package let featureWidth: Int
  let compute: Compute
  let cache: KeyValueCache
  private let embedding: WeightMatrix
  let workspace: DraftHeadWorkspace
  private let rotary: RotaryEmbedding
  private let plan: AttentionPlan
  /// The rows whose queries are computed, one in each slice.
  private var queryBatch = ForwardBatch(tokens: [], sequences: [], logitRows: [])

  /// - Parameters:
  ///   - embedding: the target's, for a head without its own
  ///   - cache: the head's own, made for `head.configuration.model`
  ///   - maximumRows: the most rows of a batch
  ///   - maximumLogitRows: the most rows of a batch that are drafted from
  package init(
    _ head: DraftHead, embedding: WeightMatrix, cache: KeyValueCache, compute: Compute, maximumRows: Int,
    maximumLogitRows: Int
  ) {
    let configuration = head.configuration
    self.head = head
    self.cache = cache
    self.compute = compute
    self.maximumRows = maximumRows
    self.maximumLogitRows = maximumLogitRows
    self.embedding = head.embedding ?? embedding
    featureWidth = DraftHeadConfiguration.featureCount * configuration.targetHiddenSize
    workspace = DraftHeadWorkspace(
      configuration, maximumRows: maximumRows, maximumLogitRows: maximumLogitRows)
    rotary = RotaryEmbedding(configuration.model.rope, headSize: configuration.model.headSize)
    plan = AttentionPlan(
      maximumRows: maximumLogitRows, configuration: configuration.model,
      threadCount: compute.team.threadCount)
    queryBatch.tokens.reserveCapacity(maximumLogitRows)
    queryBatch.sequences.reserveCapacity(maximumLogitRows)
  }

  private var model: ModelConfiguration { head.configuration.model }

  /// Runs the batch, stores its keys and values in the cache, and returns the logits of `batch.logitRows`: (logit row,
  /// draft vocabulary), valid until the next run. Row i of a sequence is token i + 1 beside the features at position i.
  @discardableResult
  package func run(_ batch: ForwardBatch, from source: Source) -> UnsafeBufferPointer<Float> {
    batch.check(rowLimit: maximumRows, blockCount: cache.blockCount)
    precondition(batch.logitRows.count <= maximumLogitRows, "more logit rows than planned")
    setHidden(batch, source)
    prepareRows(batch)
    multiplyKeysAndValues(batch)
    storeRows(batch)
    if !batch.logitRows.isEmpty {
      gatherQueries(batch)
      attend()
      runMLP()
    }
    queryBatch.sequences.removeAll(keepingCapacity: true)
    return UnsafeBufferPointer(
      start: workspace.logits.pointer, count: batch.logitRows.count * model.vocabularySize)
  }

  // MARK: Rows

  /// hidden = fc · features, or outputs of the run before.
  private func setHidden(_ batch: ForwardBatch, _ source: Source) {
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

  /// The normalized embeddings beside the normalized hidden rows, and the angles of the positions.
  private func prepareRows(_ batch: ForwardBatch) {
    var row = 0
    for slice in batch.sequences {
      for position in slice.firstPosition..<slice.firstPosition + slice.rowCount {
        workspace.setPlace(row, position: position, block: slice.blocks[position / KeyValueCache.blockSize])
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
  private func multiplyKeysAndValues(_ batch: ForwardBatch) {
    workspace.input.set(
      rows: workspace.joined.pointer, count: batch.tokens.count, columns: 2 * model.hiddenSize)
    let needsAll = batch.logitRows.count == batch.tokens.count
    compute.multiply(
      workspace.input, MatrixProduct(head.matrix(.keyProjection), into: workspace.keys.pointer),
      MatrixProduct(head.matrix(.valueProjection), into: workspace.values.pointer),
      needsAll ? MatrixProduct(head.matrix(.queryProjection), into: workspace.queries.pointer) : nil)
  }

  private func storeRows(_ batch: ForwardBatch) {
    divide(batch) { pass, _, rows in
      for row in rows { pass.store(row) }
    }
  }

  private func store(_ row: Int) {
    let layer = model.layers[0]
    let storage = cache.layers[0]
    let (block, offset) = workspace.place(row)
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

  private func rotate(_ head: UnsafeMutablePointer<Float>, row: Int) {
    let half = model.headSize / 2
    compute.kernels.rotate(
      head, cosines: workspace.cosines.pointer + row * half, sines: workspace.sines.pointer + row * half,
      count: model.headSize)
  }

  // MARK: Rows that are drafted from

  /// Their queries and residual rows, and the slices that attend.
  private func gatherQueries(_ batch: ForwardBatch) {
    let width = model.hiddenSize
    var (slice, firstRow) = (0, 0)
    for (index, row) in batch.logitRows.enumerated() {
      while row >= firstRow + batch.sequences[slice].rowCount {
        firstRow += batch.sequences[slice].rowCount
        slice += 1
      }
      queryBatch.sequences.append(
        ForwardBatch.Slice(
          rowCount: 1, firstPosition: batch.sequences[slice].firstPosition + row - firstRow,
          blocks: batch.sequences[slice].blocks))
      let joined = workspace.joined.pointer + row * 2 * width
      let residual =
        head.configuration.normsBeforeResidual ? joined + width : workspace.hidden.pointer + row * width
      (workspace.outputs.pointer + index * width).update(from: residual, count: width)
      (workspace.queryInputs.pointer + index * 2 * width).update(from: joined, count: 2 * width)
    }
    if batch.logitRows.count < batch.tokens.count {
      workspace.input.set(
        rows: workspace.queryInputs.pointer, count: batch.logitRows.count, columns: 2 * width)
      compute.multiply(
        workspace.input, MatrixProduct(head.matrix(.queryProjection), into: workspace.queries.pointer))
    }
    let queryHeadCount = model.layers[0].queryHeadCount
    for (index, row) in batch.logitRows.enumerated() {
      for head in 0..<queryHeadCount {
        rotate(workspace.queries.pointer + (index * queryHeadCount + head) * model.headSize, row: row)
      }
    }
  }

  /// outputs += o_proj · attention
  private func attend() {
    let layer = model.layers[0]
    plan.build(
      batch: queryBatch, shape: layer, headSize: model.headSize,
      queries: UnsafePointer(workspace.queries.pointer), outputs: workspace.attended.pointer)
    compute.team.run(with: self, pieces: AttentionPlan.pieces) { pass, share, _ in
      pass.plan.attend(
        share: share, batch: pass.queryBatch, cache: pass.cache, layer: 0, kernels: pass.compute.kernels)
    }
    workspace.input.set(
      rows: workspace.attended.pointer, count: queryBatch.sequences.count,
      columns: layer.queryHeadCount * model.headSize)
    compute.multiply(
      workspace.input,
      MatrixProduct(head.matrix(.outputProjection), into: workspace.outputs.pointer, accumulates: true))
  }

  /// outputs += MLP, and the logits of their norm.
  private func runMLP() {
    let count = queryBatch.sequences.count
    compute.normalize(
      workspace.outputs.pointer, count: count, weight: head.norm(.postAttentionNorm),
      epsilon: model.rmsNormEpsilon, into: workspace.normed.pointer, workspace.input,
      for: head.matrix(.gateProjection))
    compute.multiplyGated(
      workspace.input, gate: MatrixProduct(head.matrix(.gateProjection), into: workspace.gates.pointer),
      up: MatrixProduct(head.matrix(.upProjection), into: workspace.ups.pointer), into: workspace.gated,
      for: head.matrix(.downProjection))
    compute.multiply(
      workspace.gated,
      MatrixProduct(head.matrix(.downProjection), into: workspace.outputs.pointer, accumulates: true))
    compute.normalize(
      workspace.outputs.pointer, count: count, weight: head.norm(.finalNorm), epsilon: model.rmsNormEpsilon,
      into: workspace.normed.pointer, workspace.input, for: head.matrix(.head))
    compute.multiply(
      workspace.input, MatrixProduct(head.matrix(.head), into: workspace.logits.pointer))
  }
}
