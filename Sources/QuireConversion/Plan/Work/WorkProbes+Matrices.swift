import QuireCalibration
import QuireModel
import QuireOptimization
import QuireTensors

// Single matrices and their statistics.
extension WorkProbes {
  private static let textRows = 256

  func gram(_ width: Int) -> Probe {
    var data = ProbeData()
    let rows = data.activations(rows: Self.textRows, columns: width)
    var sums = GramAccumulator(order: width, team: compute.team)
    return Probe(amount: Double(Self.textRows) * GramMatrix.multiplyAddsPerRow(order: width)) {
      sums.add(UnsafeBufferPointer(rows.buffer))
    }
  }

  func cross(_ width: Int) -> Probe {
    var data = ProbeData()
    let targetCount = threadCount * StreamMoments.crossBandRows
    let targets = data.matrix(rows: Self.textRows, columns: targetCount)
    let inputs = data.matrix(rows: Self.textRows, columns: width)
    var sums = CrossAccumulator(targets: targetCount, inputs: width, team: compute.team)
    return Probe(amount: Double(Self.textRows * targetCount * width)) { sums.add(targets, inputs) }
  }

  func factor(_ width: Int) -> Probe {
    var data = ProbeData()
    let gram = data.gram(order: width, compute: compute)
    return Probe(amount: Double(width) * Double(width) * Double(width)) {
      _ = InverseFactor(gram, team: compute.team)
    }
  }

  func products(_ width: Int) -> Probe {
    var data = ProbeData()
    let rows = GPTQQuantizer.bandRows
    let square = data.matrix(rows: width, columns: width)
    let bands = (0..<threadCount).map { _ in data.matrix(rows: rows, columns: width) }
    let results = bands.map { _ in
      MatrixView(HostBuffer<Float>(count: rows * width), rows: rows, columns: width)
    }
    return Probe(amount: Double(threadCount * rows) * Double(width) * Double(width)) {
      compute.team.run { thread, _ in
        DenseAlgebra.multiply(bands[thread], square, into: results[thread])
      }
    }
  }

  func codes(_ item: WorkItem) -> Probe? {
    guard let settings = recipe.quantizationAhead else { return nil }
    var data = ProbeData()
    let (rows, width) = (threadCount * GPTQQuantizer.bandRows, item.width)
    let weights = data.weights(rows: rows, columns: width)
    let gram = data.gram(order: width, compute: compute)
    guard let factor = InverseFactor(gram, team: compute.team) else { return nil }
    let deviation = data.matrix(rows: width, columns: width, deviation: 0.001)
    let target =
      settings.isAsymmetric
      ? AsymmetricTarget(deviation: deviation, share: Float(settings.asymmetry)) : nil
    let quantizer = GPTQQuantizer(
      item.format, importances: settings.importances(item.format, columns: width, gram),
      refitRounds: settings.refitRounds)
    let products = GPTQQuantizer.productsPerWeight(
      refitRounds: settings.refitRounds, isAimed: settings.isAsymmetric)
    return probe(weights: rows * width, products: products, item) {
      _ = try? quantizer.quantize(weights, gram, factor, target: target, named: "a probe", compute)
    }
  }

  func trials(_ item: WorkItem) -> Probe? {
    guard let settings = recipe.quantizationAhead else { return nil }
    var data = ProbeData()
    let (rows, width) = (threadCount * RoundingTrial.bandRows, item.width)
    let gram = data.gram(order: width, compute: compute)
    let importances = settings.importances(item.format, columns: width, gram)
    let trial = RoundingTrial(
      [(data.weights(rows: rows, columns: width), item.format, importances)], gram: gram, compute: compute)
    let scales = [Float](repeating: 1.1, count: width)
    return probe(weights: rows * width, products: 1, item) { _ = trial.error(scales: scales) }
  }

  /// A routine with so many products of each weight with a row of a square matrix.
  private func probe(
    weights: Int, products: Double, _ item: WorkItem, _ body: @escaping () -> Void
  ) -> Probe {
    var contained = Work()
    contained.add(.products, width: item.width, products * Double(weights) * Double(item.width))
    return Probe(amount: Double(weights), contained: contained, body: body)
  }

  func rounding(_ item: WorkItem) -> Probe? {
    guard let settings = recipe.quantizationAhead else { return nil }
    var data = ProbeData()
    let rows = threadCount * NearestQuantizer.bandRows
    let weights = data.weights(rows: rows, columns: item.width)
    let importances = settings.importances(item.format, columns: item.width, nil)
    let quantizer = NearestQuantizer(item.format, importances: importances)
    return Probe(amount: Double(rows * item.width)) {
      _ = try? quantizer.quantize(weights, named: "a probe", compute)
    }
  }
}
