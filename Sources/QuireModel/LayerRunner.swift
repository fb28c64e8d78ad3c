package import QuireTensors

/// Receives the activations of a layer as they are computed: the site and its rows, (row, column), valid during the
/// call.
package typealias ActivationObserver = (ActivationSite, UnsafeBufferPointer<Float>) -> Void

/// Runs decoder layers on rows of hidden state. All memory is planned at creation; running allocates nothing.
///
///     let runner = LayerRunner(configuration, compute: compute, maximumRows: 512)
///     runner.begin(batch, cache: cache)
///     runner.run(weights, layer: 0, hidden: rows)   // in place, (row, hidden)
///     runner.end()
///
/// A forward pass runs all layers this way; conversion runs one layer at a time, with an observer.
// Unchecked: used by one thread at a time; inside a region each thread of the team touches its own rows and heads.
package final class LayerRunner: @unchecked Sendable {
  package let configuration: ModelConfiguration
  package let compute: Compute
  package let maximumRows: Int

  private let rotary: RotaryEmbedding
  private let input: MatrixInput
  private let gated: MatrixInput
  private let normed: HostBuffer<Float>  // (row, hidden)
  private let queries: HostBuffer<Float>  // (row, query head, head size)
  private let keys: HostBuffer<Float>  // (row, KV head, head size)
  private let values: HostBuffer<Float>  // (row, KV head, head size)
  private let attended: HostBuffer<Float>  // (row, query head, head size)
  private let gates: HostBuffer<Float>  // (row, intermediate)
  private let ups: HostBuffer<Float>  // (row, intermediate)
  private let cosines: HostBuffer<Float>  // (row, head size / 2)
  private let sines: HostBuffer<Float>  // (row, head size / 2)
  private let positions: HostBuffer<Int32>  // (row)
  private let slots: HostBuffer<Slot>  // (row)
  private let plan: AttentionPlan

  private static let nothing = ForwardBatch(tokens: [], sequences: [], logitRows: [])
  private var batch = LayerRunner.nothing
  private var cache: KeyValueCache?
  private var plannedShape: LayerShape?

  /// Where a row's key and value are stored.
  private struct Slot: BitwiseCopyable {
    var block: Int32
    var offset: Int32
  }

  /// Up to this many rows, the calling thread computes the angles: waking the team would take longer.
  private static let fewRows = 8

  package init(_ configuration: ModelConfiguration, compute: Compute, maximumRows: Int) {
    precondition(maximumRows > 0, "a step has at least one row")
    self.configuration = configuration
    self.compute = compute
    self.maximumRows = maximumRows
    rotary = RotaryEmbedding(configuration.rope, headSize: configuration.headSize)
    let queryWidth = configuration.maximumQueryHeadCount * configuration.headSize
    let keyValueWidth = configuration.maximumKeyValueHeadCount * configuration.headSize
    let intermediate = configuration.maximumIntermediateSize
    input = MatrixInput(
      maximumRows: maximumRows, maximumColumns: max(configuration.hiddenSize, queryWidth))
    gated = MatrixInput(maximumRows: maximumRows, maximumColumns: intermediate)
    normed = HostBuffer(count: maximumRows * configuration.hiddenSize)
    queries = HostBuffer(count: maximumRows * queryWidth)
    keys = HostBuffer(count: maximumRows * keyValueWidth)
    values = HostBuffer(count: maximumRows * keyValueWidth)
    attended = HostBuffer(count: maximumRows * queryWidth)
    gates = HostBuffer(count: maximumRows * intermediate)
    ups = HostBuffer(count: maximumRows * intermediate)
    cosines = HostBuffer(count: maximumRows * configuration.headSize / 2)
    sines = HostBuffer(count: maximumRows * configuration.headSize / 2)
    positions = HostBuffer(count: maximumRows)
    slots = HostBuffer(count: maximumRows)
    plan = AttentionPlan(
      maximumRows: maximumRows, configuration: configuration, threadCount: compute.team.threadCount)
  }

  /// Bytes of the workspace for `maximumRows` rows, in addition to weights and cache.
  package static func workspaceBytes(_ configuration: ModelConfiguration, maximumRows: Int) -> Int {
    let queryWidth = configuration.maximumQueryHeadCount * configuration.headSize
    let keyValueWidth = configuration.maximumKeyValueHeadCount * configuration.headSize
    let intermediate = configuration.maximumIntermediateSize
    // Hidden, queries and attended, keys and values, gates and ups, cosines and sines, position and slot.
    let floats =
      configuration.hiddenSize + 2 * queryWidth + 2 * keyValueWidth + 2 * intermediate
      + configuration.headSize + 3
    let attention = 32 * (configuration.maximumQueryHeadCount + configuration.maximumKeyValueHeadCount)
    return maximumRows * (4 * floats + attention)
      + MatrixInput.byteCount(
        maximumRows: maximumRows, maximumColumns: max(configuration.hiddenSize, queryWidth))
      + MatrixInput.byteCount(maximumRows: maximumRows, maximumColumns: intermediate)
  }

  /// Bytes of the float buffers that this runner holds.
  var bufferBytes: Int {
    let floats = [normed, queries, keys, values, attended, gates, ups, cosines, sines]
    return floats.reduce(0) { $0 + $1.byteCount } + positions.byteCount + slots.byteCount
  }

  /// Starts a batch: the layers that run next belong to it. `cache` holds the earlier positions of its sequences.
  package func begin(_ batch: ForwardBatch, cache: KeyValueCache) {
    batch.check(rowLimit: maximumRows, blockCount: cache.blockCount)
    self.batch = batch
    self.cache = cache
    plannedShape = nil
    var row = 0
    for slice in batch.sequences {
      for position in slice.firstPosition..<slice.firstPosition + slice.rowCount {
        positions.pointer[row] = Int32(position)
        slots.pointer[row] = Slot(
          block: slice.blocks[position / KeyValueCache.blockSize],
          offset: Int32(position % KeyValueCache.blockSize))
        row += 1
      }
    }
    fillAngles(rowCount: row)
  }

  /// Releases the batch, so that the owner of its block lists can extend them without a copy.
  package func end() {
    batch = Self.nothing
    cache = nil
  }

  /// Runs one layer on `hidden` (row, hidden), in place. `layer` selects the cache's storage, which must have the
  /// shape of `weights`. Precondition: after `begin` and before `end`.
  ///
  /// - Parameters:
  ///   - half: only this half of the layer; nil: the whole
  ///   - last: stops after this site, for an observer that needs no more; the hidden states are invalid then.
  package func run(
    _ weights: LayerWeights, layer: Int, hidden: UnsafeMutablePointer<Float>, only half: LayerHalf? = nil,
    upTo last: ActivationSite? = nil, observer: ActivationObserver? = nil
  ) {
    guard let cache else { preconditionFailure("begin comes before run") }
    precondition(
      cache.layers[layer].keyValueHeadCount == weights.shape.keyValueHeadCount, "cache of another shape")
    guard !batch.tokens.isEmpty else { return }
    if half != .mlp {
      runAttention(weights, layer: layer, cache: cache, hidden: hidden, upTo: last, observer)
      if last?.half == .attention { return }
    }
    if half != .attention { runMLP(weights, hidden: hidden, upTo: last, observer) }
  }

  private func runAttention(
    _ weights: LayerWeights, layer: Int, cache: KeyValueCache, hidden: UnsafeMutablePointer<Float>,
    upTo last: ActivationSite?, _ observer: ActivationObserver?
  ) {
    normalize(hidden, weights.inputNorm, for: weights.queryProjection)
    report(.attentionInput, normed, weights.shape, observer)
    if last == .attentionInput { return }
    compute.multiply(
      input, MatrixProduct(weights.queryProjection, into: queries.pointer),
      MatrixProduct(weights.keyProjection, into: keys.pointer),
      MatrixProduct(weights.valueProjection, into: values.pointer))
    attend(weights, layer: layer, cache: cache)
    report(.attentionOutput, attended, weights.shape, observer)
    if last == .attentionOutput { return }
    compute.multiply(input, MatrixProduct(weights.outputProjection, into: hidden, accumulates: true))
  }

  private func runMLP(
    _ weights: LayerWeights, hidden: UnsafeMutablePointer<Float>, upTo last: ActivationSite?,
    _ observer: ActivationObserver?
  ) {
    normalize(hidden, weights.postAttentionNorm, for: weights.gateProjection)
    report(.mlpInput, normed, weights.shape, observer)
    if last == .mlpInput { return }
    compute.multiplyGated(
      input, gate: MatrixProduct(weights.gateProjection, into: gates.pointer),
      up: MatrixProduct(weights.upProjection, into: ups.pointer), into: gated, for: weights.downProjection,
      keepsRows: observer != nil)
    report(.mlpOutput, gates, weights.shape, observer)
    if last == .mlpOutput { return }
    compute.multiply(gated, MatrixProduct(weights.downProjection, into: hidden, accumulates: true))
  }

  /// Cosines and sines of the rows' positions, which all layers share.
  private func fillAngles(rowCount: Int) {
    if rowCount <= Self.fewRows { return fillAngles(rows: 0..<rowCount) }
    compute.team.run(with: (self, rowCount)) { work, thread, count in
      let (runner, rowCount) = work
      runner.fillAngles(rows: ThreadTeam.range(of: rowCount, share: thread, count: count))
    }
  }

  private func fillAngles(rows: Range<Int>) {
    let half = configuration.headSize / 2
    rotary.fill(
      positions: positions.buffer[rows], cosines: cosines.pointer + rows.lowerBound * half,
      sines: sines.pointer + rows.lowerBound * half)
  }

  private func report(
    _ site: ActivationSite, _ buffer: HostBuffer<Float>, _ shape: LayerShape, _ observer: ActivationObserver?
  ) {
    guard let observer else { return }
    let count = batch.tokens.count * site.width(in: shape, configuration)
    observer(site, UnsafeBufferPointer(start: buffer.pointer, count: count))
  }

  /// normed = RMSNorm(hidden) · weight, row by row: the input of `next`.
  private func normalize(_ hidden: UnsafePointer<Float>, _ weight: HostBuffer<Float>, for next: WeightMatrix)
  {
    compute.normalize(
      hidden, count: batch.tokens.count, weight: weight, epsilon: configuration.rmsNormEpsilon,
      into: normed.pointer, input, for: next)
  }
}

extension LayerRunner {
  /// attended = attention of the rows' queries over the cache, after their keys and values have been added to it:
  /// the input of the output projection.
  private func attend(_ weights: LayerWeights, layer: Int, cache: KeyValueCache) {
    if plannedShape != weights.shape {
      plan.build(
        batch: batch, shape: weights.shape, headSize: configuration.headSize,
        queries: UnsafePointer(queries.pointer), outputs: attended.pointer)
      plannedShape = weights.shape
    }
    input.set(
      rows: attended.pointer, count: batch.tokens.count,
      columns: weights.shape.queryHeadCount * configuration.headSize, for: weights.outputProjection)
    // Three regions: a query may read keys that another share stores, and a group may hold outputs of another share.
    let work = (runner: self, weights: weights, layer: layer, cache: cache)
    let isLong = ThreadTeam.isLong(rows: batch.tokens.count)
    compute.team.run(with: work, pieces: isLong ? ThreadTeam.pieceLimit : 1) { work, share, count in
      work.runner.prepareHeads(
        work.weights, work.cache.layers[work.layer], work.cache.element, share: share, count: count)
    }
    compute.team.run(with: work, pieces: plan.pieces) { work, share, _ in
      work.runner.plan.attend(
        share: share, batch: work.runner.batch, cache: work.cache, layer: work.layer,
        kernels: work.runner.compute.kernels)
    }
    compute.team.run(with: work) { work, share, count in
      work.runner.quantizeAttended(share: share, count: count)
    }
  }

  /// Prepares one share of the heads of all rows.
  private func prepareHeads(
    _ weights: LayerWeights, _ storage: KeyValueCache.Storage, _ element: KeyValueElement, share: Int,
    count: Int
  ) {
    let headCount = weights.shape.queryHeadCount + weights.shape.keyValueHeadCount
    for item in ThreadTeam.range(of: batch.tokens.count * headCount, share: share, count: count) {
      prepareHead(item % headCount, row: item / headCount, weights, storage, element)
    }
  }

  private func quantizeAttended(share: Int, count: Int) {
    let size = input.columnsPerGroup
    let groups = ThreadTeam.range(of: input.columns / size, share: share, count: count)
    input.quantize(
      columns: groups.lowerBound * size..<groups.upperBound * size, kernels: compute.kernels)
  }

  /// Normalizes and rotates one head of one row; a KV head is also stored in the cache. Query heads come first.
  private func prepareHead(
    _ head: Int, row: Int, _ weights: LayerWeights, _ storage: KeyValueCache.Storage,
    _ element: KeyValueElement
  ) {
    let headSize = configuration.headSize
    let shape = weights.shape
    if head < shape.queryHeadCount {
      let query = queries.pointer + (row * shape.queryHeadCount + head) * headSize
      return normalizeAndRotate(query, weights.queryNorm, row: row)
    }
    let keyValueHead = head - shape.queryHeadCount
    let index = (row * shape.keyValueHeadCount + keyValueHead) * headSize
    let key = keys.pointer + index
    normalizeAndRotate(key, weights.keyNorm, row: row)
    let slot = slots.pointer[row]
    compute.kernels.storeKeyValue(
      key: key, value: values.pointer + index,
      keyBlock: UnsafeMutableRawPointer(storage.keys(block: Int(slot.block), head: keyValueHead)),
      valueBlock: UnsafeMutableRawPointer(storage.values(block: Int(slot.block), head: keyValueHead)),
      slot: Int(slot.offset), headSize: headSize, element: element)
  }

  private func normalizeAndRotate(
    _ head: UnsafeMutablePointer<Float>, _ norm: HostBuffer<Float>, row: Int
  ) {
    let headSize = configuration.headSize
    let half = headSize / 2
    compute.kernels.rmsNorm(
      head, weight: norm.pointer, into: head, count: headSize, epsilon: configuration.rmsNormEpsilon)
    compute.kernels.rotate(
      head, cosines: cosines.pointer + row * half, sines: sines.pointer + row * half, count: headSize)
  }
}
