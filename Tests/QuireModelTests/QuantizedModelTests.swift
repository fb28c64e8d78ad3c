import QuireModel
import QuireTensors
import TestSupport
import Testing

/// A quantized model differs from one that computes in float with the same dequantized weights only by the rounding of
/// activations to 8 bits: at most half a step of 1/127 of a group's largest value at each matrix's input. Measured
/// 0.021 to 0.028 of the logits' deviation on these models.
private let activationRoundingBound: Float = 0.04
/// The same for a cache of shorter elements against a float32 cache; measured 0.0003 and, in codes of 8 bits, 0.011.
private let cacheRoundingBounds: [KeyValueElement: Float] = [.float32: 0, .float16: 0.0006, .int8: 0.02]

@Suite struct QuantizedModelTests {
  private static let checkpoint = TinyCheckpoint(
    hiddenSize: 128, intermediateSize: 256, queryHeadCount: 4, keyValueHeadCount: 2, headSize: 64)

  private func prompt(_ count: Int) -> [Int32] {
    var generator = SeededGenerator(seed: 21)
    return generator.tokens(count, vocabularySize: Self.checkpoint.vocabularySize)
  }

  /// Root mean square difference relative to the deviation of `truth`.
  private func relativeError(_ values: [Float], _ truth: [Float]) -> Float {
    let mean = truth.reduce(0, +) / Float(truth.count)
    let spread = truth.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let error = zip(values, truth).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (error / spread).squareRoot()
  }

  @Test(arguments: [
    WeightFormat.int8(), .int8(group: 32), .int8(group: 64), .int8(group: 128), .int4(group: 32),
    .int4(group: 64), .int4(group: 128),
  ])
  func agreesWithItsDequantizedWeights(format: WeightFormat) throws {
    var source = ArrayWeights(Self.checkpoint)
    source.format = format
    source.embeddingFormat = .int8(group: 64)
    let quantized = try Model(configuration: Self.checkpoint.configuration, source: source)
    let truth = try Model.dequantized(quantized)
    let tokens = prompt(70)
    let error = relativeError(quantized.logits(tokens), truth.logits(tokens))
    #expect(error <= activationRoundingBound)
    #expect(error > 0, "activations were not quantized")
    #expect(quantized.weightBytes < truth.weightBytes / 3)
  }

  @Test(arguments: KeyValueElement.allCases)
  func shorterCacheElementsAreClose(element: KeyValueElement) throws {
    let model = try Model(
      configuration: Self.checkpoint.configuration, source: ArrayWeights(Self.checkpoint))
    let tokens = prompt(100)
    let single = model.logits(tokens, RunOptions(element: .float32))
    let error = relativeError(model.logits(tokens, RunOptions(element: element)), single)
    #expect(error <= cacheRoundingBounds[element, default: 0])
    #expect((error > 0) == (element != .float32))
  }

  @Test(arguments: [ElementType.float32, .float16, .bfloat16])
  func denseElementsGiveTheSameLogits(element: ElementType) throws {
    // The checkpoint's values are bf16, which float32 holds exactly, and float16 to 11 bits where it is in range.
    var source = ArrayWeights(Self.checkpoint)
    source.values = source.values.mapValues { values in
      values.map { $0.magnitude < 0x1p-10 ? 0 : $0 }
    }
    source.element = .float32
    let truth = try Model(configuration: Self.checkpoint.configuration, source: source)
    source.element = element
    let model = try Model(configuration: Self.checkpoint.configuration, source: source)
    let tokens = prompt(20)
    #expect(model.logits(tokens) == truth.logits(tokens))
  }
}
