import QuireCalibration
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

/// Scales and codes chosen again after GPTQ, and its asymmetric target.
@Suite struct RefitTests {
  private static let golden = GoldenFile(path: Fixtures.optimization)
  private let compute = Compute(threadCount: 2)

  private struct Case {
    let weights: WeightMatrix
    let gram: GramMatrix
    let factor: InverseFactor
  }

  private func load(_ prefix: String) throws -> Case {
    let shape = Self.golden.shape("\(prefix).weights")
    let values = HostBuffer(Self.golden.floats("\(prefix).weights"))
    let gram = GramMatrix(order: shape[1], values: HostBuffer(Self.golden.floats("\(prefix).gram")))
    return Case(
      weights: .dense(DenseMatrix(rows: shape[0], columns: shape[1], values: values)), gram: gram,
      factor: try #require(InverseFactor(gram)))
  }

  private func codes(_ matrix: QuantizedMatrix) -> [Int32] {
    let codes = matrix.decodedCodes()
    return (0..<codes.count).map { Int32(codes[$0]) }
  }

  @Test(arguments: [WeightFormat.int4(group: 32), .nl4(group: 64)])
  func equalsTheDefinition(format: WeightFormat) throws {
    let given = try load("refit.\(format)")
    let result = try GPTQQuantizer(format, refitRounds: 3).quantize(
      given.weights, given.gram, given.factor, named: "w", compute)
    #expect(result.matrix.decodedScales() == Self.golden.floats("refit.\(format).scales"))
    #expect(codes(result.matrix) == Self.golden.int32s("refit.\(format).codes"))
    let error = Self.golden.doubles("refit.\(format).error")[0]
    #expect(abs(result.outputError - error) < 1e-3 * error)
  }

  @Test(arguments: [
    WeightFormat.int8(), .int4(group: 32), .int4(group: 64, isSymmetric: false), .nl4(group: 64),
    .nl3(group: 32),
  ])
  func everyRoundLowersTheError(format: WeightFormat) throws {
    let given = try load("gptq")
    let errors = try [0, 1, 2, 4].map {
      try GPTQQuantizer(format, refitRounds: $0).quantize(
        given.weights, given.gram, given.factor, named: "w", compute
      ).outputError
    }
    for (before, after) in zip(errors, errors.dropFirst()) { #expect(after <= before * (1 + 1e-4)) }
    if format.scheme != .int8 { #expect(errors[3] < 0.99 * errors[0]) }
  }

  @Test func theTargetEqualsLeastSquaresOnTheInputs() throws {
    let given = try load("target")
    let order = given.gram.order
    let deviation = MatrixView(
      HostBuffer(Self.golden.floats("target.deviation")), rows: order, columns: order)
    let result = try GPTQQuantizer(.nl4(group: 32)).quantize(
      given.weights, given.gram, given.factor, target: AsymmetricTarget(deviation: deviation, share: 0.5),
      named: "w", compute)
    #expect(result.matrix.decodedScales() == Self.golden.floats("target.scales"))
    #expect(codes(result.matrix) == Self.golden.int32s("target.codes"))
  }

  @Test func equalInputsGiveTheSymmetricTarget() throws {
    let given = try load("target")
    let order = given.gram.order
    let zeros = MatrixView(HostBuffer<Float>(count: order * order), rows: order, columns: order)
    let quantizer = GPTQQuantizer(.int4(group: 32), refitRounds: 2)
    let aimed = try quantizer.quantize(
      given.weights, given.gram, given.factor, target: AsymmetricTarget(deviation: zeros, share: 1),
      named: "w", compute)
    let plain = try quantizer.quantize(given.weights, given.gram, given.factor, named: "w", compute)
    #expect(aimed.matrix.codes.elementsEqual(plain.matrix.codes))
    #expect(aimed.outputError == plain.outputError)
  }

  @Test func threadCountDoesNotMatter() throws {
    let given = try load("gptq")
    let (order, rows) = (given.gram.order, 300)
    var generator = SeededGenerator(seed: 41)
    let weights = WeightMatrix.dense(
      DenseMatrix(rows: rows, columns: order, values: HostBuffer(generator.gaussians(rows * order))))
    let deviation = MatrixView(
      HostBuffer(generator.gaussians(order * order, scale: 0.01)), rows: order, columns: order)
    let results = try [1, 2, 3].map {
      try GPTQQuantizer(.nl3(group: 64), refitRounds: 1).quantize(
        weights, given.gram, given.factor, target: AsymmetricTarget(deviation: deviation, share: 0.5),
        named: "w", Compute(threadCount: $0))
    }
    for other in results.dropFirst() {
      #expect(results[0].matrix.codes.elementsEqual(other.matrix.codes))
      #expect(results[0].outputError == other.outputError)
    }
  }
}
