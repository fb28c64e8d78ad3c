import QuireCalibration
package import QuireModel
import QuireTensors

/// Numbers for the probes, like those of a model as far as the speed depends on them: Gaussian weights, and
/// activations of different magnitudes that depend on each other, so that GPTQ has codes to change.
struct ProbeData {
  private var generator = SplitMix64(seed: 1)

  /// About Gaussian, with the given deviation.
  mutating func numbers(_ count: Int, deviation: Float = 1) -> HostBuffer<Float> {
    let buffer = HostBuffer<Float>(count: count)
    for index in 0..<count {
      // The sum of four uniform 16-bit numbers.
      let bits = generator.next()
      let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
      buffer.pointer[index] = (Float(sum) / 65536 - 2) * 1.73 * deviation
    }
    return buffer
  }

  mutating func weights(rows: Int, columns: Int) -> WeightMatrix {
    .dense(DenseMatrix(rows: rows, columns: columns, values: numbers(rows * columns, deviation: 0.02)))
  }

  mutating func activations(rows: Int, columns: Int) -> HostBuffer<Float> {
    let buffer = numbers(rows * columns)
    for row in 0..<rows {
      let values = buffer.pointer + row * columns
      for column in 1..<max(1, columns) {
        values[column] = 0.7 * values[column - 1] + 0.7 * values[column]
      }
      for column in 0..<columns { values[column] *= 0.2 + Float(column * 37 % 64) / 32 }
    }
    return buffer
  }

  mutating func matrix(rows: Int, columns: Int, deviation: Float = 1) -> MatrixView<Float> {
    MatrixView(numbers(rows * columns, deviation: deviation), rows: rows, columns: columns)
  }

  mutating func gram(order: Int, compute: Compute) -> GramMatrix {
    var sums = GramAccumulator(order: order, team: compute.team)
    let rows = activations(rows: 256, columns: order)
    withExtendedLifetime(rows) { sums.add(UnsafeBufferPointer(rows.buffer)) }
    return sums.finish()
  }
}

extension ModelConfiguration {
  /// The same proportions with one layer, of hidden states and an MLP of at most these widths.
  package func probed(hidden: Int, intermediate: Int = .max) -> ModelConfiguration {
    let layer = layers[0]
    let share = min(
      1, Double(hidden) / Double(hiddenSize), Double(intermediate) / Double(layer.intermediateSize))
    func scaled(_ size: Int, to unit: Int) -> Int {
      share == 1 ? size : max(unit, Int((share * Double(size) / Double(unit)).rounded()) * unit)
    }
    let keyValueHeads = scaled(layer.keyValueHeadCount, to: 1)
    let shape =
      share == 1
      ? layer
      : LayerShape(
        queryHeadCount: keyValueHeads * max(1, layer.queryHeadCount / layer.keyValueHeadCount),
        keyValueHeadCount: keyValueHeads, intermediateSize: scaled(layer.intermediateSize, to: 128))
    return ModelConfiguration(
      hiddenSize: scaled(hiddenSize, to: 128), headSize: headSize, vocabularySize: min(vocabularySize, 2048),
      rmsNormEpsilon: rmsNormEpsilon, rope: rope, tiesEmbeddings: true, layers: [shape])
  }
}
