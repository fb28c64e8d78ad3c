import Foundation
import QuireCalibration
import QuireModel
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

@Suite struct SmoothingTests {
  private static let golden = GoldenFile(path: Fixtures.optimization)
  private let compute = Compute(threadCount: 2)
  private let columns = golden.shape("smooth.inputs")[1]

  private var matrices: [(matrix: WeightMatrix, format: WeightFormat)] {
    [WeightFormat.int4(group: 32), .int8(group: 64)].enumerated().map { index, format in
      let values = Self.golden.floats("smooth.weights\(index)")
      return (
        .dense(
          DenseMatrix(rows: values.count / columns, columns: columns, values: HostBuffer(values))), format
      )
    }
  }

  /// H, mean and largest magnitudes of the golden inputs.
  private func gram() -> GramMatrix {
    let inputs = Self.golden.floats("smooth.inputs")
    let rows = inputs.count / columns
    let values = HostBuffer<Float>(count: columns * columns)
    let view = MatrixView(HostBuffer(inputs), rows: rows, columns: columns)
    DenseAlgebra.multiply(
      view, view, transposing: .left, alpha: 1 / Float(rows),
      into: MatrixView(values, rows: columns, columns: columns))
    var means = [Double](repeating: 0, count: columns)
    var maxima = [Float](repeating: 0, count: columns)
    for (index, value) in inputs.enumerated() {
      means[index % columns] += Double(abs(value)) / Double(rows)
      maxima[index % columns] = max(maxima[index % columns], abs(value))
    }
    return GramMatrix(
      order: columns, values: values,
      magnitudes: ActivationMagnitudes(means: means.map(Float.init), maxima: maxima))
  }

  private func isNear(_ found: [Float], _ expected: some Collection<Float>) -> Bool {
    found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) <= 2e-4 * abs($1) }
  }

  @Test func awqEqualsNumPy() throws {
    let magnitudes = try #require(gram().magnitudes)
    let statistics = ColumnStatistics(matrices, compute)
    #expect(isNear(statistics.meanShares, Self.golden.floats("smooth.meanShares")))
    let trial = RoundingTrial(matrices.map { ($0.matrix, $0.format, nil) }, gram: gram(), compute: compute)
    let (scales, errors) = (Self.golden.floats("smooth.awq.scales"), Self.golden.doubles("smooth.awq.errors"))
    var found: [Double] = []
    for step in 0..<SmoothingScales.gridCount {
      let candidate = SmoothingScales.awq(
        activations: magnitudes.means, weights: statistics.meanShares, exponent: Double(step) / 20)
      #expect(isNear(candidate, scales[(step * columns)..<((step + 1) * columns)]))
      found.append(trial.error(scales: candidate))
    }
    found.append(trial.error(scales: nil))
    // A quotient between two codes may fall to either side by the last bit of a scale.
    for (error, expected) in zip(found, errors) { #expect(abs(error - expected) < 0.01 * expected) }
    #expect(found.indices.min { found[$0] < found[$1] } == errors.indices.min { errors[$0] < errors[$1] })
  }

  @Test(arguments: [0.5, 0.8])
  func smoothQuantEqualsNumPy(alpha: Double) throws {
    let scales = SmoothingScales.smoothQuant(
      activations: try #require(gram().magnitudes).maxima,
      weights: ColumnStatistics(matrices, compute).maxima, alpha: alpha)
    #expect(isNear(scales, Self.golden.floats("smooth.smoothquant.\(alpha)")))
  }

  @Test func silentChannelsStayFinite() {
    let quiet: [Float] = [0, 1, 0, 2]
    for exponent in [0.0, 0.5, 0.95] {
      let scales = SmoothingScales.awq(activations: quiet, weights: [0, 0, 1, 1], exponent: exponent)
      #expect(scales.allSatisfy { $0.isFinite && $0 > 0 })
    }
    let scales = SmoothingScales.smoothQuant(activations: quiet, weights: [0, 0, 1, 1], alpha: 0.5)
    #expect(scales.allSatisfy { $0.isFinite && $0 > 0 })
  }

  /// Channels of zeros, as in a padded model, change the scales of no other channel.
  @Test func silentChannelsChangeNoOthers() {
    let (activations, weights): ([Float], [Float]) = ([1, 0.25, 3, 0.5], [0.5, 1, 0.125, 2])
    for exponent in [0.0, 0.5, 0.95] {
      let alone = SmoothingScales.awq(activations: activations, weights: weights, exponent: exponent)
      let padded = SmoothingScales.awq(
        activations: activations + [0, 0, 1], weights: weights + [0, 1, 0], exponent: exponent)
      #expect(padded == alone + [1, 1, 1])
    }
    let alone = SmoothingScales.smoothQuant(activations: activations, weights: weights, alpha: 0.5)
    let padded = SmoothingScales.smoothQuant(
      activations: activations + [0], weights: weights + [0], alpha: 0.5)
    #expect(padded == alone + [1])
  }

  @Test func aTallMatrixIsJudgedBySomeOfItsRows() {
    var generator = SeededGenerator(seed: 5)
    let rows = 2000
    let matrix = WeightMatrix.dense(
      DenseMatrix(rows: rows, columns: columns, values: HostBuffer(generator.gaussians(rows * columns))))
    func error(_ compute: Compute) -> (Double, Double) {
      let trial = RoundingTrial([(matrix, .int4(group: 32), nil)], gram: gram(), compute: compute)
      return (trial.error(scales: nil), trial.outputEnergy)
    }
    let (error1, energy) = error(Compute(threadCount: 1))
    #expect(error(compute) == (error1, energy))
    let all = HostBuffer<Float>(count: rows * columns)
    let values = matrix.dequantized(kernels: compute.kernels)
    DenseAlgebra.multiply(
      MatrixView(values, rows: rows, columns: columns), gram().view,
      into: MatrixView(all, rows: rows, columns: columns))
    let whole = DenseAlgebra.dot(values.pointer, all.pointer, count: values.count)
    #expect(abs(energy - whole) < 0.05 * whole)
  }

  /// A scaled norm is stored like the checkpoint's, and the layer's function stays the same.
  @Test func scaledNormsStayInBfloat16() {
    var generator = SeededGenerator(seed: 7)
    // At the end: a silent channel, quotients that overflow and underflow, and a norm of a float32 checkpoint.
    var norms = generator.gaussians(60).map { (1 + $0).roundedToBfloat16 } + [0, 3e38, 1e-38, 0.1]
    norms[61] = norms[61].roundedToBfloat16
    norms[62] = norms[62].roundedToBfloat16
    let wanted = generator.gaussians(60).map { exp($0) } + [3, 1e-3, 1e7, 3]
    func dense(_ rows: Int) -> WeightMatrix {
      .dense(DenseMatrix(rows: rows, columns: 64, values: HostBuffer(generator.gaussians(rows * 64))))
    }
    let (norm, ones) = (HostBuffer(norms), HostBuffer([Float](repeating: 1, count: 32)))
    var layer = LayerWeights(
      shape: LayerShape(keyValueHeadCount: 2, keyValueHeadOfQueryHead: [0, 1], intermediateSize: 64),
      inputNorm: norm, queryProjection: dense(64), keyProjection: dense(64), valueProjection: dense(64),
      queryNorm: ones, keyNorm: ones, outputProjection: dense(64), postAttentionNorm: norm,
      gateProjection: dense(64), upProjection: dense(64), downProjection: dense(64))
    for (site, tensor, reader) in [
      (ActivationSite.attentionInput, LayerTensor.inputNorm, LayerTensor.keyProjection),
      (.mlpInput, .postAttentionNorm, .upProjection),
    ] {
      let before = layer[reader].dequantized(kernels: compute.kernels)
      let scales = layer.foldable(wanted, at: site)
      layer.fold(scales, at: site, headSize: 32, compute)
      let after = layer[reader].dequantized(kernels: compute.kernels)
      for (channel, norm) in layer[norm: tensor].buffer.enumerated() {
        #expect(norm == norm.roundedToBfloat16)
        let (old, new) = (norms[channel] * before.pointer[channel], norm * after.pointer[channel])
        #expect(abs(new - old) <= 0x1p-22 * abs(old))
      }
      #expect(scales[61] == 1 && scales[62] == 1)
      for channel in 0..<60 { #expect(abs(scales[channel] / wanted[channel] - 1) <= 0x1p-8) }
    }
    #expect(layer.foldable([Float](repeating: 3, count: 64), at: .mlpOutput).allSatisfy { $0 == 3 })
  }
}
