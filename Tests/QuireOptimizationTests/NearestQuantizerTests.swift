import QuireCalibration
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

@Suite struct NearestQuantizerTests {
  private static let golden = GoldenFile(path: Fixtures.optimization)
  private let compute = Compute(threadCount: 2)

  private func quantize(
    _ values: [Float], columns: Int, _ format: WeightFormat, threads: Int = 2
  ) throws -> NearestQuantizer.Result {
    let matrix = DenseMatrix(rows: values.count / columns, columns: columns, values: HostBuffer(values))
    return try NearestQuantizer(format).quantize(
      .dense(matrix), named: "w", Compute(threadCount: threads))
  }

  @Test(arguments: [
    WeightFormat.int8(), .int8(group: 32), .int8(group: 128), .int4(group: 32), .int4(group: 64),
    .int4(group: 128),
  ])
  func equalsNumPy(format: WeightFormat) throws {
    let shape = Self.golden.shape("quantize.weights")
    let result = try quantize(Self.golden.floats("quantize.weights"), columns: shape[1], format)
    let codes = Self.golden.int32s("quantize.\(format).codes")
    let scales = Self.golden.floats("quantize.\(format).scales")
    let found = result.matrix.decodedCodes()
    let isEqual = zip(0..<found.count, codes).allSatisfy { Int32(found[$0]) == $1 }
    #expect(isEqual && found.count == codes.count)
    #expect(result.matrix.decodedScales() == scales)
  }

  @Test(arguments: [WeightFormat.int8(), .int4(group: 64)])
  func noWeightMovesMoreThanHalfAStep(format: WeightFormat) throws {
    var generator = SeededGenerator(seed: 3)
    let values = generator.gaussians(64 * 256)
    let result = try quantize(values, columns: 256, format)
    let restored = WeightMatrix.quantized(result.matrix).dequantized(kernels: compute.kernels)
    let scales = result.matrix.decodedScales()
    let group = format.group ?? 256
    // A scale is off by 2⁻⁸ at most. int8 has room for that (127 → 127.5); int4 stands at 7.5 already.
    let slack: Float = format.scheme == .int8 ? 0.5 : 0.5 + 7.5 / 256
    for index in values.indices {
      let moved = abs(values[index] - restored[index])
      #expect(moved <= scales[index / group] * slack)
    }
  }

  @Test func scalesSurviveBothHalfFormats() throws {
    var generator = SeededGenerator(seed: 4)
    let values = generator.gaussians(32 * 128).enumerated().map { $1 * exponential($0 / 128 - 20) }
    for scale in try quantize(values, columns: 128, .int4(group: 32)).matrix.decodedScales() {
      #expect(Float(bfloat16Bits: scale.bfloat16Bits) == scale)
      #expect(scale >= 0x1p-14)
    }
  }

  @Test func quantizingTwiceChangesNothing() throws {
    var generator = SeededGenerator(seed: 5)
    let first = try quantize(generator.gaussians(32 * 128), columns: 128, .int8(group: 32))
    let restored = WeightMatrix.quantized(first.matrix).dequantized(kernels: compute.kernels)
    let second = try quantize(Array(restored.buffer), columns: 128, .int8(group: 32))
    #expect(first.matrix.codes.elementsEqual(second.matrix.codes))
    #expect(second.relativeError == 0)
  }

  @Test func threadCountDoesNotMatter() throws {
    var generator = SeededGenerator(seed: 6)
    let values = generator.gaussians(67 * 128)
    let one = try quantize(values, columns: 128, .int4(group: 32), threads: 1)
    let two = try quantize(values, columns: 128, .int4(group: 32), threads: 2)
    #expect(one.matrix.codes.elementsEqual(two.matrix.codes))
    #expect(one.matrix.scales.elementsEqual(two.matrix.scales))
    #expect(one.relativeError == two.relativeError)
  }

  @Test func relativeErrorIsTheRootMeanSquare() throws {
    var generator = SeededGenerator(seed: 7)
    let values = generator.gaussians(16 * 100)
    let result = try quantize(values, columns: 100, .int8())
    let restored = WeightMatrix.quantized(result.matrix).dequantized(kernels: compute.kernels)
    let error = values.indices.reduce(0.0) { $0 + pow2(Double(values[$1]) - Double(restored[$1])) }
    let expected = (error / values.reduce(0.0) { $0 + pow2(Double($1)) }).squareRoot()
    #expect(abs(result.relativeError - expected) < 1e-6 * expected)
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func whatIsNotFiniteIsRefused(bad: Float) {
    var values = [Float](repeating: 1, count: 128)
    values[70] = bad
    let error = #expect(throws: OptimizationError.self) {
      _ = try quantize(values, columns: 64, .int4(group: 32))
    }
    #expect(
      error?.description
        == "expected finite numbers in the tensor w, found a NaN or an infinity; check the checkpoint's files"
    )
  }

  /// A scale holds at most 65280: a larger weight would be cut without a word.
  @Test(arguments: [Float(1e6), -1e30])
  func whatNoScaleCanExpressIsRefused(bad: Float) {
    var values = [Float](repeating: 1, count: 128)
    values[70] = bad
    let error = #expect(throws: OptimizationError.self) {
      _ = try quantize(values, columns: 64, .int4(group: 32))
    }
    #expect(
      error?.description
        == "expected weights of at most 489600.0 in the tensor w, found \(abs(bad)), which no scale can express; "
        + "keep it in bf16 by an override, or check the checkpoint's files")
  }

  private func exponential(_ power: Int) -> Float { Float(sign: .plus, exponent: power, significand: 1) }

  private func pow2(_ value: Double) -> Double { value * value }
}

/// Files beside the tests.
enum Fixtures {
  static let optimization =
    TestPaths.repository + "/Tests/QuireOptimizationTests/Fixtures/optimization.safetensors"
}
