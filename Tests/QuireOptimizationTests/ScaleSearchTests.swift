import QuireModel
import QuireCalibration
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

@Suite struct ScaleSearchTests {
  private static let golden = GoldenFile(path: Fixtures.optimization)
  private let compute = Compute(threadCount: 2)

  private func quantize(
    _ values: [Float], columns: Int, _ format: WeightFormat, importances: [Float]?
  ) throws -> NearestQuantizer.Result {
    let matrix = DenseMatrix(rows: values.count / columns, columns: columns, values: HostBuffer(values))
    return try NearestQuantizer(format, importances: importances).quantize(
      .dense(matrix), named: "w", compute)
  }

  @Test(arguments: [
    WeightFormat.int8(group: 64), .int4(group: 32), .int4(group: 128), .nl4(group: 64), .nl3(group: 32),
  ])
  func equalsNumPy(format: WeightFormat) throws {
    let weights = Self.golden.floats("search.weights")
    let columns = Self.golden.shape("search.weights")[1]
    let importances = [
      "weights": [Float](repeating: 1, count: columns),
      "activations": Self.golden.floats("search.importances"),
    ]
    for (measure, values) in importances {
      let result = try quantize(weights, columns: columns, format, importances: values)
      #expect(result.matrix.decodedScales() == Self.golden.floats("search.\(format).\(measure).scales"))
    }
  }

  @Test(arguments: [
    WeightFormat.int8(), .int4(group: 32), .int4(group: 128), .nl4(group: 128), .nl3(group: 64),
  ])
  func neverLosesToTheLargestWeight(format: WeightFormat) throws {
    var generator = SeededGenerator(seed: 21)
    let values = generator.gaussians(64 * 256)
    let plain = try quantize(values, columns: 256, format, importances: nil)
    let searched = try quantize(values, columns: 256, format, importances: Array(repeating: 1, count: 256))
    #expect(searched.relativeError <= plain.relativeError)
    if format.scheme == .int4 { #expect(searched.relativeError < 0.95 * plain.relativeError) }
  }

  @Test func importantInputsAreRoundedBetter() throws {
    var generator = SeededGenerator(seed: 22)
    let values = generator.gaussians(64 * 128)
    var importances = [Float](repeating: 1, count: 128)
    for index in 0..<8 { importances[index] = 100 }
    func error(_ importances: [Float]) throws -> Float {
      let result = try quantize(values, columns: 128, .int4(group: 128), importances: importances)
      let restored = WeightMatrix.quantized(result.matrix).dequantized(kernels: compute.kernels)
      return values.indices.filter { $0 % 128 < 8 }.reduce(0) {
        $0 + (values[$1] - restored[$1]) * (values[$1] - restored[$1])
      }
    }
    #expect(try error(importances) < 0.8 * error(Array(repeating: 1, count: 128)))
  }

  /// Code −8 and level −127 have no counterpart on the positive side.
  @Test(arguments: [WeightFormat.int4(group: 32), .nl4(group: 32), .nl3(group: 32)])
  func theLargestWeightMayTakeTheLowestCode(format: WeightFormat) throws {
    let ones = [Float](repeating: 1, count: 32)
    for sign: Float in [-1, 1] {
      var values = [Float](repeating: 0, count: 32)
      for index in 0..<32 { values[index] = sign * Float(index % 4) * 0.125 }
      values[5] = sign
      let result = try quantize(values, columns: 32, format, importances: ones)
      let scale = result.matrix.decodedScales()[0]
      #expect(scale.sign == (sign > 0 ? .minus : .plus))
      #expect(Int(result.matrix.decodedCodes()[5]) == format.codeRange.lowerBound)
    }
  }

  @Test func zerosAndExtremesKeepASoundScale() throws {
    var values = [Float](repeating: 0, count: 4 * 64)
    values[64] = 1e-30  // below the smallest scale
    values[128] = 3e5
    for index in 192..<256 { values[index] = 1 }
    let result = try quantize(
      values, columns: 64, .int4(group: 64), importances: Array(repeating: 1, count: 64))
    let scales = result.matrix.decodedScales()
    #expect(scales[0] == 0 && scales[1] == 0x1p-14)
    #expect(abs(scales[2]) > 3e4 && abs(scales[3]) > 0.1)
    let codes = result.matrix.decodedCodes()
    #expect(abs(codes[128]) >= 7 && Float(codes[128]) * scales[2] > 0 && Float(codes[192]) * scales[3] > 0)
  }

  @Test func gptqTakesSearchedScales() throws {
    let columns = Self.golden.shape("gptq.weights")[1]
    let gram = GramMatrix(order: columns, values: HostBuffer(Self.golden.floats("gptq.gram")))
    let factor = try #require(InverseFactor(gram))
    let weights = Self.golden.floats("gptq.weights")
    let ones = [Float](repeating: 1, count: columns)
    let matrix = DenseMatrix(rows: weights.count / columns, columns: columns, values: HostBuffer(weights))
    let solved = try GPTQQuantizer(.int4(group: 64), importances: ones).quantize(
      .dense(matrix), gram, factor, named: "w", compute)
    let nearest = try quantize(weights, columns: columns, .int4(group: 64), importances: ones)
    #expect(solved.matrix.decodedScales() == nearest.matrix.decodedScales())
    let plain = try GPTQQuantizer(.int4(group: 64)).quantize(
      .dense(matrix), gram, factor, named: "w", compute)
    #expect(solved.outputError < plain.outputError)
  }
}
