package import QuireTensors

/// Batches of tokens on their way through a model, one layer after the other: what does not hold the model.
///
///     let stream = try LayerStream(batches, blockCount: 4, configuration: configuration, compute: compute)
///     try stream.embed(embedding)
///     for layer in layers { try stream.advance(through: layer) }
///     try stream.load(0)                       // scratch: the first batch after the last layer
///
/// Hidden states lie in a file (`HiddenStates`); memory holds the workspace of one batch and the cache of one layer.
/// A stream may carry several copies of the batches, which differ by what has been tried on them. The bits are those of
/// a model in memory. Layers come from the caller, best by a `LayerQueue`, which reads the next one ahead.
package final class LayerStream {
  package let configuration: ModelConfiguration
  package let batches: [ForwardBatch]
  /// The batch that was loaded or run last.
  package let scratch: HostBuffer<Float>  // (row, hidden)
  /// The half of the layer that comes next for the hidden states.
  package private(set) var next = LayerHalf.attention

  private let states: HiddenStates
  private let runner: LayerRunner
  private let blockCount: Int
  private let firstRows: [Int]  // rows of a copy before each batch, and all

  package var compute: Compute { runner.compute }
  /// Layers that the states have been through.
  package var boundary: Int { states.boundary }

  /// Where the hidden states are kept.
  package struct Storage {
    /// nil for a file that nobody else can see.
    package var path: String?
    /// Copies of the batches that there will be at most.
    package var copyCount = 1
    /// What the file holds already: copies, and the layers they have been through.
    package var filledCopyCount = 0
    package var boundary = 0
    /// Whether `rewind` is wanted, which a file with a path allows in any case.
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
  ///   - batches: their order is kept: a sequence that is cut finds its earlier positions in the cache
  ///   - blockCount: cache blocks that the batches name
  ///   - configuration: must bound the shapes of all layers that will run
  ///   - other: a stream that is not in use at the same time, whose workspace serves this one as well
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

  /// Reads the newest states of some rows of a copy, wherever batches begin, into `rows` (row, hidden).
  package func load(
    rows range: Range<Int>, ofCopy copy: Int, into rows: HostBuffer<Float>
  ) throws(HiddenStates.Failure) {
    let width = configuration.hiddenSize
    try states.load(
      copy * batches.count, floats: range.lowerBound * width..<range.upperBound * width, into: rows)
  }

  /// Shows what the first copy makes of a layer up to `last`; its hidden states stay as they are.
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
}

// The way through the layers.
extension LayerStream {
  /// Replaces the hidden states by what the layer's attention makes of them; its MLP is still to come.
  package func advance(throughAttentionOf layer: LayerWeights) throws(HiddenStates.Failure) {
    precondition(next == .attention, "the windows have been through this attention")
    try advance(through: layer, only: .attention)
    next = .mlp
  }

  /// Replaces the hidden states of every copy by what the layer makes of them: the whole, or what
  /// `advance(throughAttentionOf:)` has left of it.
  ///
  /// - Parameters:
  ///   - observer: sees the activations
  ///   - onCopy: called when a copy is through
  package func advance(
    through layer: LayerWeights, observer: ActivationObserver? = nil, onCopy: () -> Void = {}
  ) throws(HiddenStates.Failure) {
    try advance(through: layer, only: remaining, observer: observer, onCopy: onCopy)
    next = .attention
  }

  /// Takes one copy through another version of the layer that comes next, as a further copy. Call it for every version of
  /// a layer before `advance`.
  package func add(_ layer: LayerWeights, from copy: Int) throws(HiddenStates.Failure) {
    precondition(next == .attention, "the windows have been through this attention")
    let cache = cache(for: layer.shape)
    for (index, batch) in batches.enumerated() {
      try states.load(copy * batches.count + index, into: scratch)
      run(layer, batch, cache)
      try states.appendAhead(scratch)
    }
  }

  /// Goes back to the states that a layer began with. Precondition: no layer has been begun since.
  package func rewind(to boundary: Int) {
    states.rewind(to: boundary)
    next = .attention
  }

  /// The hash of the states between two layers, which are on the disk then.
  package func seal() throws(HiddenStates.Failure) -> UInt64 { try states.seal() }

  /// The same of what the file holds. Throws when it does not hold so much.
  package func hash() throws(HiddenStates.Failure) -> UInt64 { try states.hash() }

  /// The half that is left of the layer; nil for both.
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

  /// A cache of one layer, used over and over: whole windows do not see each other.
  private func cache(for shape: LayerShape) -> KeyValueCache {
    KeyValueCache(configuration.replacingLayers([shape]), blockCount: blockCount, element: .float32)
  }
}
