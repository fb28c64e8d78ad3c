import Dispatch
import QuireGeneration
import QuireModel
import QuireScheduling
import QuireTensors
import QuireText
import Synchronization
import TestSupport
import Testing

/// A model whose logits are written down: a function of all tokens of a sequence.
///
/// Its cache holds the tokens themselves, in the blocks that the engine names. So a wrong block, a block shared
/// by two sequences or a hole in a recomputation changes the logits, as it would change a real model's.
final class ScriptedForward: StepForward {
  typealias Script = @Sendable (_ tokens: [Int32]) -> [Float]

  struct State {
    var cache: [Int32]
    var rowCount = 0
    var batches: [ForwardBatch] = []
  }

  let rowWidth: Int
  let script: Script
  private let state: Mutex<State>
  private let rows: HostBuffer<Float>  // (logit row, vocabulary)
  /// Called before each batch, on the engine's thread; may block it.
  private let onBatch: @Sendable () -> Void

  init(
    blockCount: Int, rowLimit: Int = 512, rowWidth: Int, onBatch: @escaping @Sendable () -> Void = {},
    script: @escaping Script
  ) {
    self.rowWidth = rowWidth
    self.script = script
    self.onBatch = onBatch
    rows = HostBuffer(count: rowLimit * rowWidth)
    state = Mutex(State(cache: [Int32](repeating: -1, count: blockCount * KeyValueCache.blockSize)))
  }

  /// All batches so far.
  var batches: [ForwardBatch] { state.withLock { $0.batches } }

  func logits(of batch: ForwardBatch) -> UnsafeBufferPointer<Float> {
    onBatch()
    return state.withLock { state in
      state.batches.append(batch)
      state.rowCount = 0
      var firstRow = 0
      for slice in batch.sequences {
        compute(slice, firstRow: firstRow, batch: batch, state: &state)
        firstRow += slice.rowCount
      }
      return UnsafeBufferPointer(start: rows.pointer, count: state.rowCount * rowWidth)
    }
  }

  private func compute(
    _ slice: ForwardBatch.Slice, firstRow: Int, batch: ForwardBatch, state: inout State
  ) {
    let size = KeyValueCache.blockSize
    func place(_ position: Int) -> Int { Int(slice.blocks[position / size]) * size + position % size }
    for row in 0..<slice.rowCount {
      state.cache[place(slice.firstPosition + row)] = batch.tokens[firstRow + row]
    }
    for row in 0..<slice.rowCount where batch.logitRows.contains(firstRow + row) {
      let history = (0...slice.firstPosition + row).map { state.cache[place($0)] }
      let logits = script(history)
      precondition(logits.count == rowWidth)
      for (index, logit) in logits.enumerated() { rows[state.rowCount * rowWidth + index] = logit }
      state.rowCount += 1
    }
  }
}

extension ScriptedForward {
  /// Continues each prompt with its answer, then with end-of-text for ever. A prompt is told by its first token.
  static func answers(_ answers: [Int32: [Int32]], promptCount: Int, rowWidth: Int) -> Script {
    { tokens in
      var logits = [Float](repeating: 0, count: rowWidth)
      let place = tokens.count - promptCount
      let answer = answers[tokens[0]] ?? []
      let next = place < answer.count && place >= 0 ? answer[place] : Int32(TinyTokenizer.endOfText)
      logits[Int(next)] = 10
      return logits
    }
  }

  /// Logits that look random but are fixed by the tokens: any change in the history changes the answer.
  static func hashed(rowWidth: Int, endShare: Int = 0) -> Script {
    { tokens in
      var hash: UInt64 = 14_695_981_039_346_656_037
      for token in tokens { hash = (hash ^ UInt64(UInt32(bitPattern: token))) &* 1_099_511_628_211 }
      var generator = SeededGenerator(seed: hash)
      var logits = generator.gaussians(rowWidth, scale: 2)
      if endShare > 0 && generator.next() % UInt64(endShare) == 0 {
        logits[TinyTokenizer.endOfTurn] = 50
      }
      return logits
    }
  }
}

/// The tokenizer of tiny checkpoints.
let tinyTokenizer: Tokenizer = {
  let folder = TemporaryFolder()
  TinyTokenizer.write(to: folder)
  guard let tokenizer = try? Tokenizer(folder: folder.path) else {
    preconditionFailure("the tiny tokenizer does not load")
  }
  return tokenizer
}()

/// A configuration that fits the tiny tokenizer; its vocabulary is padded.
let tinyConfiguration = ModelConfiguration(
  hiddenSize: 32, headSize: 16, vocabularySize: 320, tiesEmbeddings: true, maximumPositions: 1024,
  layers: [LayerShape(queryHeadCount: 2, keyValueHeadCount: 1, intermediateSize: 32)])

/// An engine over a scripted model; every step is held against the scheduler's invariants.
struct ScriptedEngine {
  let engine: Engine
  let forward: ScriptedForward

  init(
    _ options: EngineOptions = EngineOptions(contextLength: 1024, cacheBlockCount: 64),
    onBatch: @escaping @Sendable () -> Void = {},
    makeDraftSource: @escaping @Sendable () -> any DraftSource = { PromptLookupSource() },
    tokenizer: Tokenizer = tinyTokenizer, script: @escaping ScriptedForward.Script
  ) throws {
    let shape = try EngineShape(
      options, configuration: tinyConfiguration, vocabularySize: tokenizer.vocabularySize)
    forward = ScriptedForward(
      blockCount: shape.blockCount, rowWidth: tinyConfiguration.vocabularySize, onBatch: onBatch,
      script: script)
    engine = Engine(
      EngineParts(
        forward: forward, rowWidth: forward.rowWidth, tokenizer: tokenizer, shape: shape,
        endOfSequenceIDs: tokenizer.endOfSequenceIDs, makeDraftSource: makeDraftSource
      ) { scheduler in
        // No test leaves a scheduler that breaks a rule, whatever else it is about.
        if let broken = scheduler.brokenInvariant { Issue.record("\(broken)") }
      })
  }

  /// An engine that answers every one-token prompt with this text or these tokens.
  static func answering(_ text: String, then more: [Int32] = []) throws -> ScriptedEngine {
    let answer = tinyTokenizer.encode(text) + more
    return try ScriptedEngine(
      script: ScriptedForward.answers([1: answer], promptCount: 1, rowWidth: tinyConfiguration.vocabularySize)
    )
  }

  /// The answer to the prompt [1].
  func answer(_ change: (inout GenerationRequest) -> Void = { _ in }) throws -> GenerationOutput {
    var request = GenerationRequest(promptTokens: [1])
    change(&request)
    return try engine.generate([request])[0]
  }
}

/// Collects the events of one request and lets a test wait for them.
final class EventLog: Sendable {
  private let events = Mutex<[GenerationEvent]>([])
  private let finished = DispatchSemaphore(value: 0)

  var all: [GenerationEvent] { events.withLock { $0 } }

  func take(_ event: GenerationEvent) {
    events.withLock { $0.append(event) }
    if case .finished = event { finished.signal() }
  }

  /// The last event, waited for.
  func result() -> GenerationResult? {
    guard finished.wait(timeout: .now() + 30) == .success else { return nil }
    guard case .finished(let result) = all.last else { return nil }
    return result
  }

  var finishCount: Int {
    all.filter { if case .finished = $0 { true } else { false } }.count
  }

  var tokenIDs: [Int32] {
    all.compactMap { event in
      if case .delta(_, let token) = event { token.id } else { nil }
    }
  }
}
