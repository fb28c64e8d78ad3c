package import QuireTensors

/// Runs batches of tokens through a model one layer at a time, without holding the model.
///
///     let stream = try LayerStream(batches, blockCount: 4, configuration: configuration, compute: compute)
///     try stream.embed(embedding)
///     for layer in layers { try stream.advance(through: layer) }
///     try stream.load(0)                       // scratch: the first batch after the last layer
///
/// Hidden states are kept in a file (`HiddenStates`); memory holds the workspace of one batch and the cache of one
/// layer. A stream may carry several copies of the batches, one for each change that is tried. Results have the
/// same bits as with a model in memory. The caller supplies the layers, best from a `LayerQueue`, which reads the
/// next one ahead.
package final class LayerStream {
  package let configuration: ModelConfiguration
  package let batches: [ForwardBatch]
  /// The batch that was loaded or run last.
  package let scratch: HostBuffer<Float>  // (row, hidden)
  /// The half of the layer that runs next on the hidden states.
  package private(set) var next = LayerHalf.attention

  private let states: HiddenStates
  private let runner: LayerRunner
  private let blockCount: Int
  private let firstRows: [Int]  // rows of a copy before each batch, then their total

  package var compute: Compute { runner.compute }
  /// Number of layers that have been applied to the states.
  package var boundary: Int { states.boundary }

  /// The file of the hidden states.
  package struct Storage {
    /// nil for an anonymous temporary file.
    package var path: String?
    /// The most copies of the batches.
    package var copyCount = 1
    /// What the file already holds: copies, and the number of layers applied to them.
    package var filledCopyCount = 0
    package var boundary = 0
    /// Whether `rewind` is needed; a file with a path always allows it.
    package var canRewind = false

    package init(
      path: String? = nil, copyCount: Int = 1, filledCopyCount: Int = 0, boundary: Int = 0,
      canRewind: Bool = false
    ) {
      self.path = path
      self.copyCount = copyCount
      self.filledCopyCount = filledCopyCount
      self.boundary = boundary
      self.canRewind = canRewind
    }
  }

  /// - Parameters:
  ///   - batches: run in this order: a sequence cut into several batches finds its earlier positions in the cache
  ///   - blockCount: cache blocks that the batches use
  ///   - configuration: must bound the shapes of all layers that will run
  ///   - other: a stream that is not used at the same time, whose workspace this one shares
  package init(
    _ batches: [ForwardBatch], blockCount: Int, configuration: ModelConfiguration, compute: Compute,
    storage: Storage = Storage(), sharing other: LayerStream? = nil
  ) throws(HiddenStates.Failure) {
    self.batches = batches
    self.blockCount = blockCount
    self.configuration = configuration
    firstRows = batches.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.tokens.count) }
    let maximumRows = max(1, batches.map(\.tokens.count).max() ?? 0)
    runner = other?.runner ?? LayerRunner(configuration, compute: compute, maximumRows: maximumRows)
    precondition(runner.maximumRows >= maximumRows, "a workspace for smaller batches")
    scratch = HostBuffer(count: maximumRows * configuration.hiddenSize)
    let counts = batches.map { $0.tokens.count * configuration.hiddenSize }
    states = try HiddenStates(
      counts: Array([[Int]](repeating: counts, count: storage.copyCount).joined()), path: storage.path,
      boundary: storage.boundary, filledCount: storage.filledCopyCount * batches.count,
      canRewind: storage.canRewind)
  }

  /// Rows of one copy.
  package var rowCount: Int { firstRows[batches.count] }

  /// Adds a copy before the first layer.
  package func embed(_ embedding: WeightMatrix) throws(HiddenStates.Failure) {
    for batch in batches {
      embedding.embed(batch.tokens, into: scratch.pointer, kernels: compute.kernels)
      try states.append(scratch)
    }
  }

  /// Reads the newest states of a batch of the first copy into `scratch`.
  package func load(_ batch: Int) throws(HiddenStates.Failure) { try states.load(batch, into: scratch) }

  /// Reads the newest states of some rows of a copy, independent of batch boundaries, into `rows` (row, hidden).
  package func load(
    rows range: Range<Int>, ofCopy copy: Int, into rows: HostBuffer<Float>
  ) throws(HiddenStates.Failure) {
    let width = configuration.hiddenSize
    try states.load(
      copy * batches.count, floats: range.lowerBound * width..<range.upperBound * width, into: rows)
  }

  /// Runs the first copy through a layer up to `last` for observers; its hidden states are unchanged.
  ///
  /// - Parameter prepare: called before each batch
  package func observe(
    _ layer: LayerWeights, upTo last: ActivationSite,
    prepare: (_ batch: Int) throws(HiddenStates.Failure) -> Void = { _ in },
    _ observer: @escaping ActivationObserver
  ) throws(HiddenStates.Failure) {
    let cache = cache(for: layer.shape)
    for (index, batch) in batches.enumerated() {
      try prepare(index)
      try load(index)
      run(layer, batch, cache, only: remaining, upTo: last, observer)
    }
  }

  /// Runs the first copies of this stream and of another, each through its own version of the same layer, up to
  /// `site`; all hidden states are unchanged. Both are at the same half of the layer.
  ///
  /// - Parameters:
  ///   - width: of the activations at the site
  ///   - other: of the same batches; may share the workspace
  ///   - observer: receives the activations of each batch (row, column) in this stream and in the other, the latter to
  ///     overwrite
  package func observe(
    _ layer: LayerWeights, at site: ActivationSite, width: Int, with other: LayerStream,
    through othersLayer: LayerWeights,
    _ observer: @escaping (UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) -> Void
  ) throws(HiddenStates.Failure) {
    precondition(next == other.next, "the streams are in different halves of the layer")
    let (cache, othersCache) = (cache(for: layer.shape), other.cache(for: othersLayer.shape))
    let kept = HostBuffer<Float>(count: scratch.count / configuration.hiddenSize * width)
    for (index, batch) in batches.enumerated() {
      try other.load(index)
      other.run(othersLayer, batch, othersCache, only: remaining, upTo: site) { observed, rows in
        guard observed == site, let base = rows.baseAddress else { return }
        kept.pointer.update(from: base, count: rows.count)
      }
      try load(index)
      run(layer, batch, cache, only: remaining, upTo: site) { observed, rows in
        guard observed == site else { return }
        observer(rows, UnsafeMutableBufferPointer(start: kept.pointer, count: rows.count))
      }
    }
  }
}

// Advancing through the layers.
extension LayerStream {
  /// Replaces the hidden states by those after the layer's attention; its MLP is still to come.
  package func advance(throughAttentionOf layer: LayerWeights) throws(HiddenStates.Failure) {
    precondition(next == .attention, "the windows have been through this attention")
    try advance(through: layer, only: .attention)
    next = .mlp
  }

  /// Replaces the hidden states of every copy by those after the layer: runs the whole layer, or its MLP after
  /// `advance(throughAttentionOf:)`.
  ///
  /// - Parameters:
  ///   - observer: receives the activations
  ///   - onCopy: called after each copy
  package func advance(
    through layer: LayerWeights, observer: ActivationObserver? = nil, onCopy: () -> Void = {}
  ) throws(HiddenStates.Failure) {
    try advance(through: layer, only: remaining, observer: observer, onCopy: onCopy)
    next = .attention
  }

  /// Runs one copy through another version of the next layer, as an additional copy. Call it for every version of a
  /// layer before `advance`.
  package func add(_ layer: LayerWeights, from copy: Int) throws(HiddenStates.Failure) {
    precondition(next == .attention, "the windows have been through this attention")
    let cache = cache(for: layer.shape)
    for (index, batch) in batches.enumerated() {
      try states.load(copy * batches.count + index, into: scratch)
      run(layer, batch, cache)
      try states.appendAhead(scratch)
    }
  }

  /// Returns to the states before the last layer. Precondition: no further layer has been started.
  package func rewind(to boundary: Int) {
    states.rewind(to: boundary)
    next = .attention
  }

  /// The hash of the states between two layers, after syncing them to disk.
  package func seal() throws(HiddenStates.Failure) -> UInt64 { try states.seal() }

  /// The same for the file's present contents. Throws when the file is too short.
  package func hash() throws(HiddenStates.Failure) -> UInt64 { try states.hash() }

  /// The half of the layer that is left to run; nil for both.
  private var remaining: LayerHalf? { next == .attention ? nil : .mlp }

  private func advance(
    through layer: LayerWeights, only half: LayerHalf?, observer: ActivationObserver? = nil,
    onCopy: () -> Void = {}
  ) throws(HiddenStates.Failure) {
    let cache = cache(for: layer.shape)
    try states.advance(scratch, endsLayer: half != .attention) { index in
      let batch = index % batches.count
      run(layer, batches[batch], cache, only: half, observer)
      if batch == batches.count - 1 { onCopy() }
    }
  }

  private func run(
    _ layer: LayerWeights, _ batch: ForwardBatch, _ cache: KeyValueCache, only half: LayerHalf? = nil,
    upTo last: ActivationSite? = nil, _ observer: ActivationObserver? = nil
  ) {
    runner.begin(batch, cache: cache)
    runner.run(layer, layer: 0, hidden: scratch.pointer, only: half, upTo: last, observer: observer)
    runner.end()
  }

  /// The cache of one layer, reused for all batches: whole windows do not attend to each other.
  private func cache(for shape: LayerShape) -> KeyValueCache {
    KeyValueCache(configuration.replacingLayers([shape]), blockCount: blockCount, element: .float32)
  }
}
