import QuireCalibration
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

/// Rounding with zero points, against the definition written down here.
@Suite struct AsymmetricGridTests {
  private let compute = Compute(threadCount: 2)
  static let formats: [WeightFormat] = [
    .int4(group: 32, isSymmetric: false), .int4(group: 128, isSymmetric: false), .int8(isSymmetric: false),
    .int8(group: 64, isSymmetric: false),
  ]

  /// Rows whose means differ, as weights with a skew have.
  private func weights(rows: Int, columns: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return generator.gaussians(rows * columns).enumerated().map { index, value in
      0.05 * value + 0.1 * Float(index / columns % 5 - 2)
    }
  }

  private func dense(_ values: [Float], columns: Int) -> WeightMatrix {
    .dense(DenseMatrix(rows: values.count / columns, columns: columns, values: HostBuffer(values)))
  }

  @Test(arguments: formats) func nearestIsTheDefinition(format: WeightFormat) throws {
    let (rows, columns) = (70, 256)
    var values = weights(rows: rows, columns: columns, seed: 3)
    // A group of zeros, one that is only positive, one that is only negative, one with a single large weight.
    for column in 0..<128 { values[column] = 0 }
    for column in 0..<256 { values[256 + column] = 1 + Float(column) / 512 }
    for column in 0..<256 { values[512 + column] = -3 }
    values[900] = 7
    let result = try NearestQuantizer(format).quantize(dense(values, columns: columns), named: "w", compute)
    let matrix = result.matrix
    let (codes, zeros, scales) = (matrix.decodedCodes(), matrix.decodedZeros(), matrix.decodedScales())
    let (size, middle) = (format.group ?? columns, format.scheme == .int4 ? 8 : 128)
    let steps = Float(format.largestUnsignedCode)
    var moved = 0.0
    for row in 0..<rows {
      for group in 0..<columns / size {
        let part = (0..<size).map { values[row * columns + group * size + $0] }
        let (low, high) = (min(0, part.min()!), max(0, part.max()!))
        let scale = representableScale((high - low) / steps)
        let zero = scale > 0 ? min(Int((-low / scale).rounded(.toNearestOrEven)), Int(steps)) : middle
        let at = row * (columns / size) + group
        #expect(scales[at] == scale && Int(zeros[at]) == zero, "row \(row) group \(group)")
        for (index, weight) in part.enumerated() {
          let multiple = scale > 0 ? Int((weight / scale).rounded(.toNearestOrEven)) : 0
          let expected = scale > 0 ? min(max(multiple + zero, 0), Int(steps)) : middle
          let found = Int(codes[row * columns + group * size + index]) + middle
          #expect(found == expected, "row \(row) group \(group) \(weight)")
          let difference = Double(weight) - Double(found - zero) * Double(scale)
          moved += difference * difference
        }
      }
    }
    let all = values.reduce(0.0) { $0 + Double($1) * Double($1) }
    #expect(abs(result.relativeError - (moved / all).squareRoot()) < 1e-5)
  }

  @Test(arguments: formats) func errsLessThanTheSymmetricGrid(format: WeightFormat) throws {
    let matrix = dense(weights(rows: 64, columns: 256, seed: 4), columns: 256)
    let symmetric = WeightFormat(scheme: format.scheme, group: format.group)
    let plain = try NearestQuantizer(symmetric).quantize(matrix, named: "w", compute)
    let zeros = try NearestQuantizer(format).quantize(matrix, named: "w", compute)
    #expect(zeros.relativeError < 0.95 * plain.relativeError)
    let searched = try NearestQuantizer(format, importances: [Float](repeating: 1, count: 256)).quantize(
      matrix, named: "w", compute)
    #expect(searched.relativeError <= zeros.relativeError)
    let alone = try NearestQuantizer(format).quantize(matrix, named: "w", Compute(threadCount: 1))
    #expect(alone.matrix.codes.elementsEqual(zeros.matrix.codes))
    #expect(alone.matrix.zeros.elementsEqual(zeros.matrix.zeros))
  }

  @Test(arguments: formats) func gptqErrsLessInTheOutput(format: WeightFormat) throws {
    let (rows, columns, samples) = (96, 256, 600)
    let matrix = dense(weights(rows: rows, columns: columns, seed: 6), columns: columns)
    // Inputs that share a few sources.
    var generator = SeededGenerator(seed: 7)
    let sources = generator.gaussians(samples * 16)
    let mixing = generator.gaussians(16 * columns)
    let noise = generator.gaussians(samples * columns)
    let inputs = (0..<samples * columns).map { index in
      (0..<16).reduce(0.3 * noise[index]) {
        $0 + sources[index / columns * 16 + $1] * mixing[$1 * columns + index % columns]
      }
    }
    let buffer = HostBuffer(inputs)
    let sums = HostBuffer<Float>(count: columns * columns)
    DenseAlgebra.multiply(
      MatrixView(buffer, rows: samples, columns: columns),
      MatrixView(buffer, rows: samples, columns: columns),
      transposing: .left, alpha: 1 / Float(samples), into: MatrixView(sums, rows: columns, columns: columns))
    let gram = GramMatrix(order: columns, values: sums)
    let solved = try GPTQQuantizer(format).quantize(
      matrix, gram, try #require(InverseFactor(gram)), named: "w", compute)
    let nearest = try NearestQuantizer(format).quantize(matrix, named: "w", compute)
    func error(_ quantized: QuantizedMatrix) -> Double {
      let (exact, found) = (matrix.dequantized(kernels: compute.kernels), WeightMatrix.quantized(quantized))
      let other = found.dequantized(kernels: compute.kernels)
      let difference = HostBuffer(zip(exact.buffer, other.buffer).map { $0 - $1 })
      let product = HostBuffer<Float>(count: difference.count)
      DenseAlgebra.multiply(
        MatrixView(difference, rows: rows, columns: columns), gram.view,
        into: MatrixView(product, rows: rows, columns: columns))
      return zip(difference.buffer, product.buffer).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    }
    #expect(error(solved.matrix) < 0.7 * error(nearest.matrix))
    #expect(solved.matrix.decodedScales() == nearest.matrix.decodedScales())
    #expect(solved.matrix.decodedZeros() == nearest.matrix.decodedZeros())
  }
}
