import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel

/// Time estimates for the parts of a conversion, from their amount of computation and the speed of two cores.
/// Rough, and off by a third on another machine, until parts have been measured.
struct ConversionWork {
  let layerSeconds: [Double]
  /// Of the embedding and lm_head.
  let tableSeconds: [TensorName: Double]

  var seconds: Double { layerSeconds.reduce(0, +) + tableSeconds.values.reduce(0, +) }

  /// Bytes of the checkpoint that two cores read, round and pack per second.
  private static let bytesPerSecond = 0.5e9
  /// Multiply-adds in float32 that two cores compute per second.
  static let multiplyAddsPerSecond = 90e9

  init(_ plan: ConversionPlan) {
    var layers = [Double](repeating: 0, count: plan.source.configuration.layerCount)
    var tables: [TensorName: Double] = [:]
    for tensor in plan.source.tensors {
      let seconds = Double(tensor.byteCount) / Self.bytesPerSecond
      if case .layer(let index, let part) = tensor.name {
        layers[index] += seconds
        layers[index] +=
          (Self.multiplyAdds(tensor, part, plan)
            + Self.repairMultiplyAdds(tensor, part, layer: index, plan)) / Self.multiplyAddsPerSecond
      } else if !tensor.name.isNorm {
        tables[tensor.name] = seconds + Self.rotationMultiplyAdds(tensor, plan) / Self.multiplyAddsPerSecond
      }
    }
    // A rotation makes a matrix of its own of an lm_head that is tied to the embedding.
    if plan.result.tensors.contains(where: { $0.name == .head }) {
      tables[.head] = tables[.head] ?? tables[.embedding]
    }
    if let head = plan.result.tensors.first(where: { $0.name == .head }),
      plan.recipe.calibratesHead(plan.result.configuration, head.format)
    {
      tables[.head, default: 0] += Self.multiplyAdds(head, plan) / Self.multiplyAddsPerSecond
    }
    layerSeconds = layers
    tableSeconds = tables
  }

  /// In float32: running the windows through the matrix, the Gram matrix of its inputs and its factor (in float64,
  /// which counts twice), and the steps' own work with the matrix.
  private static func multiplyAdds(
    _ tensor: ConversionPlan.PlannedTensor, _ part: LayerTensor, _ plan: ConversionPlan
  ) -> Double {
    guard tensor.shape.count == 2 else { return 0 }
    return multiplyAdds(
      tensor, plan,
      ownsStatistics: part != .keyProjection && part != .valueProjection && part != .upProjection)
  }

  private static func multiplyAdds(
    _ tensor: ConversionPlan.PlannedTensor, _ plan: ConversionPlan, ownsStatistics: Bool = true
  ) -> Double {
    let settings = plan.windows
    let matrix = MatrixWork(
      rows: Double(tensor.shape[0]), columns: Double(tensor.shape[1]),
      tokens: settings.statistics == nil ? Double(settings.windowCount * settings.windowTokens) : 0,
      ownsStatistics: ownsStatistics)
    return plan.recipe.steps.reduce(0) { $0 + $1.settings.multiplyAdds(matrix) }
  }

  /// The rotation of the embedding or lm_head.
  private static func rotationMultiplyAdds(
    _ tensor: ConversionPlan.PlannedTensor, _ plan: ConversionPlan
  ) -> Double {
    guard let rotation = plan.recipe.rotation else { return 0 }
    return rotation.multiplyAdds(
      MatrixWork(
        rows: Double(tensor.shape[0]), columns: Double(tensor.shape[1]), tokens: 0, ownsStatistics: false))
  }

  /// The additional work of repair: the windows through the checkpoint's own layer as long as this or a later layer
  /// is pruned. In a pruned layer also: the windows once more through the pruned layer, the refit of the two
  /// matrices that add to the hidden states, and the MLP's statistics with their factor once more.
  private static func repairMultiplyAdds(
    _ tensor: ConversionPlan.PlannedTensor, _ part: LayerTensor, layer: Int, _ plan: ConversionPlan
  ) -> Double {
    let layerCount = plan.source.configuration.layerCount
    func isRepaired(_ layer: Int) -> Bool { plan.recipe.steps.contains { $0.repairs(layer: layer) } }
    guard plan.recipe.needsReference, tensor.shape.count == 2,
      (layer..<layerCount).contains(where: isRepaired)
    else { return 0 }
    let (rows, columns) = (Double(tensor.shape[0]), Double(tensor.shape[1]))
    let tokens = Double(plan.windows.windowCount * plan.windows.windowTokens)
    var work = tokens * rows * columns
    guard isRepaired(layer) else { return work }
    work += tokens * rows * columns
    if part == .outputProjection || part == .downProjection {
      work += tokens * rows * columns + 2 * rows * columns * columns
    }
    if part == .downProjection { work += columns * columns * (tokens / 2 + columns / 3) }
    return work
  }
}
