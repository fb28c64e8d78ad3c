import QuireModel
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

@Suite struct LevelGridTests {
  private let compute = Compute(threadCount: 1)

  /// Every multiple of ¼ is or is not a middle of two levels; those next to a middle differ from it in the last bit.
  @Test(arguments: [WeightFormat.nl4(group: 32), .nl3(group: 32)], [Float(1), -1, 0.25])
  func everyWeightGetsTheNearestLevel(format: WeightFormat, scale: Float) {
    let levels = format.levels.map(Float.init)
    let numbers = (-600...600).flatMap { quarter in
      let x = Float(quarter) / 4
      return [x.nextDown, x, x.nextUp]
    }
    let weights = numbers.map { $0 * scale }
    var codes = [Int8](repeating: 0, count: weights.count)
    CodeGrid(format).encode(weights, count: weights.count, GroupScale(scale: scale), into: &codes)
    for (x, code) in zip(numbers, codes) {
      // In float64, so that distances are exact; the upper of two levels at equal distance.
      let distances = levels.map { abs(Double($0) - Double(x)) }
      let expected = distances.lastIndex(of: distances.min() ?? 0)
      #expect(Int(code) - format.codeRange.lowerBound == expected)
    }
  }

  @Test(arguments: [WeightFormat.nl4(group: 32), .nl3(group: 32)])
  func theLargestWeightIsOnTheFirstLevel(format: WeightFormat) throws {
    var generator = SeededGenerator(seed: 31)
    let values = generator.gaussians(16 * 64)
    let matrix = DenseMatrix(rows: 16, columns: 64, values: HostBuffer(values))
    let result = try NearestQuantizer(format).quantize(.dense(matrix), named: "w", compute)
    let (codes, scales) = (result.matrix.decodedCodes(), result.matrix.decodedScales())
    for group in 0..<scales.count {
      let weights = values[group * 32..<group * 32 + 32]
      let largest = try #require(weights.indices.max { abs(values[$0]) < abs(values[$1]) })
      #expect(Int(codes[largest]) == format.codeRange.lowerBound)
      #expect(
        scales[group] == -representableScale(abs(values[largest]) / 127) * (values[largest] < 0 ? -1 : 1))
    }
  }

  @Test func zerosStayZeroInTheScale() throws {
    let matrix = DenseMatrix(rows: 1, columns: 64, values: HostBuffer([Float](repeating: 0, count: 64)))
    for importances in [nil, [Float](repeating: 1, count: 64)] {
      let result = try NearestQuantizer(.nl4(group: 64), importances: importances).quantize(
        .dense(matrix), named: "w", compute)
      #expect(result.matrix.decodedScales() == [0])
      let codes = result.matrix.decodedCodes()
      #expect((0..<codes.count).allSatisfy { codes[$0] == 0 })
    }
  }

  @Test func scalesOfATableAreSearchedFor() {
    let settings = QuantizationSettings(target: .nl4())
    #expect(settings.importances(.nl4(), columns: 64, nil) == [Float](repeating: 1, count: 64))
    #expect(settings.importances(.int4(), columns: 64, nil) == nil)
  }
}
