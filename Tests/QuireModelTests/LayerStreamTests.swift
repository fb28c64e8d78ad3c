import QuireCheckpoints
import QuireFiles
import QuireModel
import QuireTensors
import TestSupport
import Testing

/// Windows that go through a checkpoint layer by layer have the bits of a model in memory.
@Suite struct LayerStreamTests {
  private let folder = TemporaryFolder()
  private let compute = Compute(threadCount: 2)

  init() { TinyCheckpoint(layerCount: 3, seed: 4).write(to: folder) }

  private func loader() throws -> LayerLoader { try LayerLoader(Checkpoint(path: folder.path)) }

  /// Two windows of their own, one of two sequences, and one that is cut into two batches.
  private static let batches: [ForwardBatch] = {
    var generator = SeededGenerator(seed: 9)
    func batch(_ slices: [ForwardBatch.Slice]) -> ForwardBatch {
      let count = slices.reduce(0) { $0 + $1.rowCount }
      return ForwardBatch(
        tokens: generator.tokens(count, vocabularySize: 300), sequences: slices,
        logitRows: [0, count - 1])
    }
    return [
      batch([.init(rowCount: 9, firstPosition: 0, blocks: [0])]),
      batch([
        .init(rowCount: 3, firstPosition: 0, blocks: [1]),
        .init(rowCount: 40, firstPosition: 0, blocks: [0, 2]),
      ]),
      batch([.init(rowCount: 30, firstPosition: 0, blocks: [0, 1])]),
      batch([.init(rowCount: 20, firstPosition: 30, blocks: [0, 1])]),
    ]
  }()

  private func stream(_ storage: LayerStream.Storage = .init()) throws -> LayerStream {
    let loader = try loader()
    let stream = try LayerStream(
      Self.batches, blockCount: 3, configuration: loader.configuration, compute: compute, storage: storage)
    if storage.filledCopyCount == 0 { try stream.embed(try loader.embedding(of: loader.configuration)) }
    return stream
  }

  private func layers() throws -> [LayerWeights] {
    let queue = LayerQueue(try loader(), layers: 0..<3)
    return try (0..<3).map { _ in try queue.next() }
  }

  /// The hidden states of all batches.
  private func states(_ stream: LayerStream, copy: Int = 0) throws -> [Float] {
    let rows = HostBuffer<Float>(count: stream.rowCount * stream.configuration.hiddenSize)
    try stream.load(rows: 0..<stream.rowCount, ofCopy: copy, into: rows)
    return Array(rows.buffer)
  }

  @Test func logitsAreThoseOfAForwardPass() throws {
    let model = try Model(checkpoint: Checkpoint(path: folder.path))
    let pass = ForwardPass(
      model: model, cache: KeyValueCache(model.configuration, blockCount: 3, element: .float32),
      compute: compute, maximumRows: 43)
    let stream = try stream()
    for layer in try layers() { try stream.advance(through: layer) }
    let output = OutputLayer(
      finalNorm: model.finalNorm, configuration: model.configuration, compute: compute, maximumRows: 2)
    let logits = HostBuffer<Float>(count: 2 * model.configuration.vocabularySize)
    for (index, batch) in Self.batches.enumerated() {
      try stream.load(index)
      output.run(stream.scratch.pointer, rows: batch.logitRows, head: model.head, into: logits.pointer)
      #expect(pass.run(batch).elementsEqual(logits.buffer))
    }
  }

  @Test func halvesMakeAWholeAndCanBeTakenBack() throws {
    let layers = try layers()
    let (whole, halves) = (try stream(), try stream(.init(canRewind: true)))
    let before = try states(halves)
    try whole.advance(through: layers[0])
    try halves.advance(throughAttentionOf: layers[0])
    #expect(halves.next == .mlp)
    #expect(try states(halves) != states(whole))
    try halves.advance(through: layers[0])
    #expect(try states(halves) == states(whole) && halves.next == .attention)
    halves.rewind(to: 0)
    #expect(try states(halves) == before)
  }

  /// A copy has had another layer once, and then goes with the others.
  @Test func copiesDoNotTouchEachOther() throws {
    let layers = try layers()
    let stream = try stream(.init(copyCount: 2))
    try stream.advance(through: layers[0])
    try stream.add(layers[2], from: 0)
    var copies = 0
    try stream.advance(through: layers[1], onCopy: { copies += 1 })
    #expect(copies == 1)
    try stream.advance(through: layers[2], onCopy: { copies += 1 })
    #expect(copies == 3)
    func alone(_ path: [Int]) throws -> [Float] {
      let stream = try self.stream()
      for index in path { try stream.advance(through: layers[index]) }
      return try states(stream)
    }
    #expect(try states(stream) == alone([0, 1, 2]))
    #expect(try states(stream, copy: 1) == alone([0, 2, 2]))
  }

  @Test func observingMovesNothing() throws {
    let layer = try layers()[0]
    let stream = try stream()
    let before = try states(stream)
    var seen: [ActivationSite: Int] = [:]
    try stream.observe(layer, upTo: .mlpInput) { seen[$0, default: 0] += $1.count }
    let rows = stream.rowCount * stream.configuration.hiddenSize
    #expect(seen[.mlpInput] == rows && seen[.attentionInput] == rows && seen[.mlpOutput] == nil)
    #expect(try states(stream) == before)
  }

  @Test func aFileIsResumed() throws {
    let layers = try layers()
    let path = folder.path + "/states"
    let whole = try stream()
    for layer in layers { try whole.advance(through: layer) }
    let hash: UInt64
    do {
      let first = try stream(.init(path: path))
      try first.advance(through: layers[0])
      try first.advance(through: layers[1])
      hash = try first.seal()
    }
    let second = try stream(.init(path: path, filledCopyCount: 1, boundary: 2))
    #expect(try second.hash() == hash && second.boundary == 2)
    try second.advance(through: layers[2])
    #expect(try states(second) == states(whole))
    let shorter = TemporaryFolder()
    #expect(throws: HiddenStates.Failure.self) {
      try stream(.init(path: shorter.path + "/none", filledCopyCount: 1)).hash()
    }
  }
}
