import QuireModel
import QuireTensors

/// How tests run a model: threads, kernels, cache type and how prompts are cut into steps.
struct RunOptions {
  var threadCount = 2
  var instructionSet = InstructionSet.detected
  var element = KeyValueElement.float32
  /// Rows per step; a prompt is computed in one step when nil.
  var chunk: Int?
  /// Cache blocks are dealt out in this order modulo their number, so that block tables are not contiguous.
  var blockStride = 7
}

/// Runs several sequences side by side, each with blocks of its own, and keeps every row's logits.
final class Session {
  let model: Model
  let options: RunOptions
  private let pass: ForwardPass
  private var freeBlocks: [Int32]
  private var blocks: [[Int32]]
  private var lengths: [Int]
  /// Logits by sequence, (position, vocabulary), of all computed positions.
  private(set) var logits: [[Float]]

  init(_ model: Model, sequenceCount: Int = 1, maximumPositions: Int, maximumRows: Int, options: RunOptions) {
    self.model = model
    self.options = options
    let blockCount = sequenceCount * KeyValueCache.blockCount(positions: maximumPositions)
    let cache = KeyValueCache(model.configuration, blockCount: blockCount, element: options.element)
    pass = ForwardPass(
      model: model, cache: cache,
      compute: Compute(threadCount: options.threadCount, instructionSet: options.instructionSet),
      maximumRows: maximumRows)
    var order: [Int32] = []
    for start in 0..<options.blockStride {
      order += stride(from: start, to: blockCount, by: options.blockStride).map(Int32.init)
    }
    freeBlocks = order
    blocks = Array(repeating: [], count: sequenceCount)
    lengths = Array(repeating: 0, count: sequenceCount)
    logits = Array(repeating: [], count: sequenceCount)
  }

  /// Compute the next tokens of some sequences in one step.
  func step(_ parts: [(sequence: Int, tokens: [Int32])]) {
    var batch = ForwardBatch(tokens: [], sequences: [], logitRows: [])
    for part in parts {
      let end = lengths[part.sequence] + part.tokens.count
      while blocks[part.sequence].count < KeyValueCache.blockCount(positions: end) {
        blocks[part.sequence].append(freeBlocks.removeLast())
      }
      batch.sequences.append(
        .init(
          rowCount: part.tokens.count, firstPosition: lengths[part.sequence], blocks: blocks[part.sequence]))
      batch.tokens += part.tokens
      lengths[part.sequence] = end
    }
    batch.logitRows = Array(batch.tokens.indices)
    let rows = pass.run(batch)
    let vocabulary = model.configuration.vocabularySize
    var row = 0
    for part in parts {
      let count = part.tokens.count * vocabulary
      logits[part.sequence] += rows[row * vocabulary..<row * vocabulary + count]
      row += part.tokens.count
    }
  }

  /// The logits of a sequence's last position.
  func lastLogits(_ sequence: Int = 0) -> ArraySlice<Float> {
    logits[sequence].suffix(model.configuration.vocabularySize)
  }
}

extension Model {
  /// Logits of every position of one prompt, (position, vocabulary).
  func logits(_ tokens: [Int32], _ options: RunOptions = RunOptions()) -> [Float] {
    let chunk = options.chunk ?? tokens.count
    let session = Session(self, maximumPositions: tokens.count, maximumRows: chunk, options: options)
    for start in stride(from: 0, to: tokens.count, by: chunk) {
      session.step([(0, Array(tokens[start..<min(start + chunk, tokens.count)]))])
    }
    return session.logits[0]
  }

  /// The greedy continuation of a prompt.
  func greedy(_ prompt: [Int32], count: Int, _ options: RunOptions = RunOptions()) -> [Int32] {
    let session = Session(
      self, maximumPositions: prompt.count + count, maximumRows: prompt.count, options: options)
    var tokens: [Int32] = []
    session.step([(0, prompt)])
    while true {
      let last = Array(session.lastLogits())
      tokens.append(Int32(last.indices.max { last[$0] < last[$1] } ?? 0))
      if tokens.count == count { return tokens }
      session.step([(0, [tokens[tokens.count - 1]])])
    }
  }
}
