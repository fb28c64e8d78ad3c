import QuireModel
import QuireTensors
import TestSupport
import Testing

/// A way of storing weights and cache whose bits must not depend on the batch.
struct Precision: CustomTestStringConvertible, Sendable {
  let weights: WeightFormat
  let cache: KeyValueElement

  var testDescription: String { "\(weights) weights, \(cache.rawValue) cache" }

  static let all = [
    WeightFormat.bf16, .int8(), .int8(group: 64), .int4(group: 32), .int4(group: 64), .int4(), .nl4(),
    .nl4(group: 32, scaleType: .float16), .nl3(),
  ]
  .flatMap { format in KeyValueElement.allCases.map { Precision(weights: format, cache: $0) } }
}

/// The bits of a prompt's logits are the same alone, beside other prompts, in pieces, and with more threads.
@Suite struct BatchInvarianceTests {
  /// Wide enough for groups of 128; three query heads to a KV head.
  private static let checkpoint = TinyCheckpoint(
    vocabularySize: 289, hiddenSize: 128, intermediateSize: 384, queryHeadCount: 6, keyValueHeadCount: 2,
    headSize: 64)
  /// Lengths around the block size and the kernels' tile of six rows.
  private static let lengths = [1, 2, 5, 6, 7, 12, 13, 31, 32, 33, 40, 47, 64, 65, 3, 18]

  private static let prompts: [[Int32]] = {
    var generator = SeededGenerator(seed: 11)
    return lengths.map { generator.tokens($0, vocabularySize: checkpoint.vocabularySize) }
  }()

  private func model(_ precision: Precision) throws -> Model {
    var source = ArrayWeights(Self.checkpoint)
    source.format = precision.weights
    source.embeddingFormat = precision.weights.scheme == .bf16 ? .bf16 : .int8(group: 128)
    return try Model(configuration: Self.checkpoint.configuration, source: source)
  }

  private func bits(_ logits: some Sequence<Float>) -> [UInt32] { logits.map(\.bitPattern) }

  @Test(arguments: Precision.all)
  func aloneEqualsABatchOfSixteen(precision: Precision) throws {
    let model = try model(precision)
    let options = RunOptions(element: precision.cache)
    let session = Session(
      model, sequenceCount: 16, maximumPositions: 80,
      maximumRows: Self.lengths.reduce(0, +), options: options)
    // Half of each prompt, then the rest of each beside single tokens of those that are done, in other orders.
    session.step(
      Self.prompts.enumerated().map { ($0.offset, Array($0.element.prefix(($0.element.count + 1) / 2))) })
    session.step(
      Self.prompts.enumerated().reversed().compactMap { index, prompt in
        let rest = Array(prompt.dropFirst((prompt.count + 1) / 2))
        return rest.isEmpty ? nil : (index, rest)
      })
    session.step(Self.prompts.indices.shuffledOnce().map { ($0, [Int32($0)]) })
    for (index, prompt) in Self.prompts.enumerated() {
      let alone = model.logits(prompt + [Int32(index)], options)
      #expect(bits(session.logits[index]) == bits(alone), "prompt of \(prompt.count) tokens")
    }
  }

  @Test(arguments: Precision.all)
  func chunksEqualTheWhole(precision: Precision) throws {
    let model = try model(precision)
    var generator = SeededGenerator(seed: 12)
    let prompt = generator.tokens(75, vocabularySize: Self.checkpoint.vocabularySize)
    let whole = bits(model.logits(prompt, RunOptions(element: precision.cache)))
    for chunk in [1, 2, 5, 6, 7, 31, 32, 33, 64] {
      let pieces = model.logits(prompt, RunOptions(element: precision.cache, chunk: chunk))
      #expect(bits(pieces) == whole, "chunks of \(chunk)")
    }
  }

  @Test(arguments: Precision.all)
  func threadsDoNotMatter(precision: Precision) throws {
    let model = try model(precision)
    let prompt = Self.prompts[13]
    let one = bits(model.logits(prompt, RunOptions(threadCount: 1, element: precision.cache)))
    for threadCount in [2, 3, 5] {
      let many = model.logits(prompt, RunOptions(threadCount: threadCount, element: precision.cache))
      #expect(bits(many) == one, "\(threadCount) threads")
      let pieces = RunOptions(threadCount: threadCount, element: precision.cache, chunk: 1)
      #expect(bits(model.logits(prompt, pieces)) == one, "\(threadCount) threads, token by token")
    }
  }

  @Test(arguments: Precision.all)
  func instructionSetsAndBlocksDoNotMatter(precision: Precision) throws {
    let model = try model(precision)
    let prompt = Self.prompts[11]
    let portable = bits(
      model.logits(prompt, RunOptions(instructionSet: .portable, element: precision.cache, blockStride: 1)))
    for set in InstructionSet.supported {
      let other = RunOptions(instructionSet: set, element: precision.cache, blockStride: 3)
      #expect(bits(model.logits(prompt, other)) == portable, "\(set)")
    }
  }

  @Test func differentPromptsHaveDifferentBits() throws {
    let model = try model(Precision(weights: .int4(), cache: .float16))
    var other = Self.prompts[12]
    other[0] = (other[0] + 1) % Int32(Self.checkpoint.vocabularySize)
    #expect(bits(model.logits(Self.prompts[12])) != bits(model.logits(other)))
  }
}

extension Collection {
  /// The elements in one fixed other order.
  fileprivate func shuffledOnce() -> [Element] {
    var generator = SeededGenerator(seed: 5)
    return shuffled(using: &generator)
  }
}
