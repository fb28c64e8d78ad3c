import QuireModel
import QuireTensors
import TestSupport
import Testing

@Suite struct LayerRunnerTests {
  private static let checkpoint = TinyCheckpoint(
    vocabularySize: 64, hiddenSize: 48, intermediateSize: 40, layerCount: 2, queryHeadCount: 6,
    keyValueHeadCount: 2, headSize: 16)

  private func model() throws -> Model {
    try Model(configuration: Self.checkpoint.configuration, source: ArrayWeights(Self.checkpoint))
  }

  private func batch(rowCount: Int) -> ForwardBatch {
    var generator = SeededGenerator(seed: 41)
    return ForwardBatch(
      tokens: generator.tokens(rowCount, vocabularySize: Self.checkpoint.vocabularySize),
      sequences: [.init(rowCount: rowCount, firstPosition: 0, blocks: [1, 0])], logitRows: [rowCount - 1])
  }

  /// y = W x for every row, in Double.
  private func product(_ matrix: WeightMatrix, _ rows: [Float]) -> [Float] {
    let weights = matrix.dequantized(kernels: Kernels(.portable)).elements
    return stride(from: 0, to: rows.count, by: matrix.columns).flatMap { start in
      (0..<matrix.rows).map { row in
        Float(
          (0..<matrix.columns).reduce(0.0) {
            $0 + Double(weights[row * matrix.columns + $1]) * Double(rows[start + $1])
          })
      }
    }
  }

  @Test func observerSeesTheInputsOfEveryProjection() throws {
    let model = try model()
    let batch = batch(rowCount: 37)
    let compute = Compute(threadCount: 2)
    let runner = LayerRunner(model.configuration, compute: compute, maximumRows: 37)
    let cache = KeyValueCache(model.configuration, blockCount: 2, element: .float32)
    let hidden = HostBuffer<Float>(count: 37 * 48)
    model.embedding.embed(batch.tokens, into: hidden.pointer, kernels: compute.kernels)
    runner.begin(batch, cache: cache)

    var before = hidden.elements
    for (index, layer) in model.layers.enumerated() {
      var sites: [ActivationSite: [Float]] = [:]
      var order: [ActivationSite] = []
      runner.run(layer, layer: index, hidden: hidden.pointer) { site, rows in
        sites[site] = Array(rows)
        order.append(site)
      }
      #expect(order == ActivationSite.allCases)
      #expect(sites[.attentionInput]?.count == 37 * 48)
      #expect(sites[.attentionOutput]?.count == 37 * 6 * 16)
      #expect(sites[.mlpInput]?.count == 37 * 48)
      #expect(sites[.mlpOutput]?.count == 37 * 40)
      // The layer's result is its input plus what the two output matrices make of the observed activations.
      let attention = product(layer.outputProjection, sites[.attentionOutput, default: []])
      let mlp = product(layer.downProjection, sites[.mlpOutput, default: []])
      let expected = before.indices.map { before[$0] + attention[$0] + mlp[$0] }
      #expect(largestDifference(hidden.elements, expected) < 1e-5)
      // The gated activations are made of the observed inputs.
      let gate = product(layer.gateProjection, sites[.mlpInput, default: []])
      let up = product(layer.upProjection, sites[.mlpInput, default: []])
      let gated = zip(gate, up).map { $0 / (1 + exponential(-$0)) * $1 }
      #expect(largestDifference(gated, sites[.mlpOutput, default: []]) < 1e-5)
      before = hidden.elements
    }
  }

  @Test func halvesMakeTheWhole() throws {
    let model = try model()
    let batch = batch(rowCount: 37)
    let compute = Compute(threadCount: 2)
    let runner = LayerRunner(model.configuration, compute: compute, maximumRows: 37)
    let cache = KeyValueCache(model.configuration, blockCount: 2, element: .float32)
    let embedded = HostBuffer<Float>(count: 37 * 48)
    model.embedding.embed(batch.tokens, into: embedded.pointer, kernels: compute.kernels)
    runner.begin(batch, cache: cache)
    let whole = HostBuffer(embedded.buffer)
    runner.run(model.layers[0], layer: 0, hidden: whole.pointer)
    let parts = HostBuffer(embedded.buffer)
    var sites: [ActivationSite] = []
    runner.run(model.layers[0], layer: 0, hidden: parts.pointer, only: .attention) { site, _ in
      sites.append(site)
    }
    #expect(sites == [.attentionInput, .attentionOutput] && parts.elements != embedded.elements)
    sites = []
    runner.run(model.layers[0], layer: 0, hidden: parts.pointer, only: .mlp) { site, _ in sites.append(site) }
    #expect(sites == [.mlpInput, .mlpOutput] && parts.elements == whole.elements)
  }

  private func exponential(_ x: Float) -> Float {
    var result: Float = 0
    Kernels(.portable).exponential([x], into: &result, count: 1)
    return result
  }

  /// A layer at a time gives the bits of the whole pass.
  @Test func layersOneByOneEqualTheForwardPass() throws {
    let model = try model()
    let batch = batch(rowCount: 20)
    let compute = Compute(threadCount: 2)
    let cache = KeyValueCache(model.configuration, blockCount: 2, element: .float16)
    let pass = ForwardPass(model: model, cache: cache, compute: compute, maximumRows: 20, maximumLogitRows: 1)
    var states: [[Float]] = []
    pass.run(batch) { _, rows in states.append(Array(rows)) }

    let runner = LayerRunner(model.configuration, compute: Compute(threadCount: 1), maximumRows: 64)
    let other = KeyValueCache(model.configuration, blockCount: 2, element: .float16)
    let hidden = HostBuffer(states[0])
    runner.begin(batch, cache: other)
    for (index, layer) in model.layers.enumerated() {
      runner.run(layer, layer: index, hidden: hidden.pointer)
      #expect(hidden.elements == states[index + 1])
    }
  }

  @Test func onlyTheWantedRowsHaveLogits() throws {
    let model = try model()
    var batch = batch(rowCount: 20)
    let cache = KeyValueCache(model.configuration, blockCount: 2, element: .float32)
    let pass = ForwardPass(model: model, cache: cache, compute: Compute(threadCount: 2), maximumRows: 20)
    batch.logitRows = Array(0..<20)
    let all = Array(pass.run(batch))
    batch.logitRows = [19, 0, 7]
    let some = Array(pass.run(batch))
    for (index, row) in batch.logitRows.enumerated() {
      let own = some[index * 64..<(index + 1) * 64]
      #expect(own.elementsEqual(all[row * 64..<(row + 1) * 64]))
    }
    batch.logitRows = []
    #expect(pass.run(batch).isEmpty)
  }

  @Test func cacheSizesAreAsPlanned() throws {
    let configuration = Self.checkpoint.configuration
    let cache = KeyValueCache(configuration, blockCount: 5, element: .float16)
    // Two layers, keys and values, two heads of 16, 32 positions, two bytes.
    #expect(cache.byteCount == 5 * 2 * 2 * 2 * 16 * 32 * 2)
    #expect(cache.byteCount == 5 * KeyValueCache.blockBytes(configuration, element: .float16))
    #expect(KeyValueCache.blockBytes(configuration, element: .float32) == 2 * 8192)
    #expect([0, 1, 32, 33].map(KeyValueCache.blockCount(positions:)) == [0, 1, 1, 2])
  }

  @Test func workspaceIsAsPlanned() throws {
    let model = try model()
    let cache = KeyValueCache(model.configuration, blockCount: 1, element: .float32)
    for (rows, logitRows) in [(1, 1), (16, 4), (100, 100)] {
      let pass = ForwardPass(
        model: model, cache: cache, compute: Compute(threadCount: 2), maximumRows: rows,
        maximumLogitRows: logitRows)
      let planned = ForwardPass.workspaceBytes(
        model.configuration, maximumRows: rows, maximumLogitRows: logitRows)
      // The plan also counts the quantized inputs and scratch of the matrix products.
      #expect(planned >= pass.bufferBytes)
      #expect(planned <= 2 * pass.bufferBytes + 4 * 70_000)
    }
  }

  @Test func brokenBatchesStopTheProgram() async {
    await #expect(processExitsWith: .failure) {
      let checkpoint = TinyCheckpoint()
      let model = try Model(configuration: checkpoint.configuration, source: ArrayWeights(checkpoint))
      let cache = KeyValueCache(model.configuration, blockCount: 2, element: .float32)
      let pass = ForwardPass(model: model, cache: cache, compute: Compute(threadCount: 1), maximumRows: 40)
      // 33 positions need two blocks.
      pass.run(
        ForwardBatch(
          tokens: Array(repeating: 1, count: 33),
          sequences: [.init(rowCount: 33, firstPosition: 0, blocks: [0])], logitRows: []))
    }
  }
}
