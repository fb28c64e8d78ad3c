import QuireCalibration
import QuireModel
import QuireOptimization
import QuirePacks
import QuireTensors

// A small layer of the model's proportions, hidden states and the pack.
extension WorkProbes {
  private var small: ModelConfiguration { configuration.probed(hidden: WorkKind.pass.widthLimit) }

  private func layer(_ configuration: ModelConfiguration, _ format: WeightFormat = .bf16) -> LayerWeights? {
    let weights = RandomWeights(format: format, embeddingFormat: .bf16, seed: 1, team: compute.team)
    return try? weights.layer(0, of: configuration)
  }

  private func weightCount(_ layer: LayerWeights) -> Double {
    LayerTensor.projections.reduce(0) { $0 + Double(layer[$1].rows * layer[$1].columns) }
  }

  /// Short sequences, so that attention hardly counts.
  func pass(_ format: WeightFormat) -> Probe? {
    guard let layer = layer(small, format) else { return nil }
    let lengths = [Int](repeating: 16, count: 16)
    return Probe(amount: 256 * weightCount(layer), body: run(layer, lengths, only: nil))
  }

  /// One long sequence.
  func attention() -> Probe? {
    guard let layer = layer(small) else { return nil }
    let (count, width) = (512, layer.outputProjection.columns)
    let pairs = TextWork(sequenceLengths: [count]).pairs
    let matrices = LayerTensor.projections.filter { $0.activationSite?.half == .attention }
    var contained = Work()
    for tensor in matrices {
      let weights = layer[tensor].rows * layer[tensor].columns
      contained.add(.pass, width: configuration.hiddenSize, Double(count * weights))
    }
    return Probe(
      amount: 2 * pairs * Double(width), contained: contained, body: run(layer, [count], only: .attention))
  }

  /// Runs sequences of these lengths through a small layer.
  private func run(_ layer: LayerWeights, _ lengths: [Int], only half: LayerHalf?) -> () -> Void {
    let small = small
    let window = CalibrationSet.Window(sequences: lengths.map { [Int32](repeating: 0, count: $0) })
    let batch = CalibrationRun.batch(of: window)
    let cache = KeyValueCache(
      small, blockCount: CalibrationRun.blockCount(of: window), element: .float32)
    let runner = LayerRunner(small, compute: compute, maximumRows: window.tokenCount)
    var data = ProbeData()
    let source = data.numbers(window.tokenCount * small.hiddenSize)
    let hidden = HostBuffer<Float>(count: source.count)
    return {
      hidden.pointer.update(from: source.pointer, count: source.count)
      runner.begin(batch, cache: cache)
      runner.run(layer, layer: 0, hidden: hidden.pointer, only: half)
      runner.end()
    }
  }

  func rotation() -> Probe? {
    let small = configuration.probed(hidden: WorkKind.rotation.widthLimit)
    guard let settings = recipe.rotation, let layer = layer(small) else { return nil }
    let rotation = ModelRotation(settings, small.withOwnHead(), compute)
    return Probe(amount: weightCount(layer)) { _ = rotation.rotated(layer, index: 0) }
  }

  func answers() -> Probe? {
    let head = RandomWeights(format: .bf16, embeddingFormat: .bf16, seed: 1, team: compute.team)
    let (rows, width) = (64, configuration.hiddenSize)
    let vocabulary = min(configuration.vocabularySize, 2048)
    guard let matrix = try? head.matrix(.embedding, rows: vocabulary, columns: width) else { return nil }
    var data = ProbeData()
    let hidden = data.numbers(rows * width)
    let output = OutputLayer(
      finalNorm: HostBuffer([Float](repeating: 1, count: width)), configuration: configuration,
      compute: compute, maximumRows: rows)
    let logits = HostBuffer<Float>(count: rows * vocabulary)
    return Probe(amount: Double(rows * vocabulary * width)) {
      output.run(hidden.pointer, rows: Array(0..<rows), head: matrix, into: logits.pointer)
      _ = Divergence.sum(
        logits, logits, rows: rows, width: vocabulary, kernels: compute.kernels, team: compute.team)
    }
  }

  func pruning() -> Probe? {
    guard let layer = layer(small) else { return nil }
    let width = layer.outputProjection.columns
    guard layer.shape.queryHeadCount > 1 else { return nil }
    var data = ProbeData()
    let moments = StreamMoments(
      gram: data.gram(order: width, compute: compute),
      cross: data.matrix(rows: small.hiddenSize, columns: width))
    let settings = HeadPruningSettings(unit: .queryHead, removal: .uniform(1), repairShare: 1)
    let pruner = LayerPruner(headSize: small.headSize, compute: compute)
    return Probe(amount: Self.leastSquares(small.hiddenSize, width)) {
      var pruned = layer
      _ = try? pruner.prune(&pruned, settings, count: 1, moments, layer: 0)
    }
  }

  func refit() -> Probe? {
    let limit = WorkKind.refit.widthLimit
    let small = configuration.probed(hidden: limit, intermediate: limit)
    guard let layer = layer(small) else { return nil }
    let (rows, width) = (small.hiddenSize, layer.downProjection.columns)
    var data = ProbeData()
    let moments = StreamMoments(
      gram: data.gram(order: width, compute: compute),
      cross: data.matrix(rows: rows, columns: width))
    let pruner = LayerPruner(headSize: small.headSize, compute: compute)
    return Probe(amount: Self.leastSquares(rows, width)) {
      var refitted = layer
      try? pruner.refitMLP(&refitted, moments, share: 1, layer: 0)
    }
  }

  private static func leastSquares(_ rows: Int, _ width: Int) -> Double {
    Double(width) * Double(width) * Double(width + rows)
  }

  /// In a temporary file of two windows.
  func states(_ kind: WorkKind) -> Probe? {
    let count = 1 << 18
    guard let states = try? HiddenStates(counts: [count, count], path: nil, canRewind: true) else {
      return nil
    }
    let scratch = HostBuffer<Float>(count: count)
    for _ in 0..<2 where (try? states.append(scratch)) == nil { return nil }
    let bytes = Double(2 * scratch.byteCount)
    var contained = Work()
    if kind == .syncing { contained.add(.states, 2 * bytes) }
    return Probe(amount: kind == .syncing ? bytes : 2 * bytes, contained: contained) {
      try? states.advance(scratch, endsLayer: true) { _ in }
      if kind == .syncing { _ = try? states.seal() }
    }
  }

  /// Weights as a recipe leaves them, in a temporary pack.
  func packing(_ item: WorkItem) -> Probe? {
    var data = ProbeData()
    // Several frames where matrices have several, so that all threads compress.
    let weights = data.weights(rows: max(768, min(2048, item.width)), columns: item.width)
    let quantizer = item.format.scheme == .bf16 ? nil : NearestQuantizer(item.format)
    let matrix: WeightMatrix
    do {
      matrix =
        try quantizer.map { .quantized(try $0.quantize(weights, named: "a probe", compute).matrix) }
        ?? weights.roundedToBfloat16(compute)
      let writer = try PackWriter(temporary: compute.team)
      return Probe(amount: Double(matrix.byteCount)) {
        // A tensor that is in the pack already would only be compared.
        try? writer.restart()
        try? writer.add(matrix, as: .layer(0, .downProjection))
      }
    } catch {
      return nil
    }
  }
}
