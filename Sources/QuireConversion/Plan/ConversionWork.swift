import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel

/// How long the parts of a conversion will take, from what they compute and what two cores do in a second: a rough
/// estimate, by a third wrong on another machine, until parts of it have been measured.
struct ConversionWork {
  let layerSeconds: [Double]
  /// Of the embedding and the head.
  let tableSeconds: [TensorName: Double]

  var seconds: Double { layerSeconds.reduce(0, +) + tableSeconds.values.reduce(0, +) }

  /// Bytes of the checkpoint that two cores read, round and pack in a second.
  private static let bytesPerSecond = 0.5e9
  /// Multiply-adds in float32 that they do in a second.
  static let multiplyAddsPerSecond = 90e9

  init(_ plan: ConversionPlan) {
    var layers = [Double](repeating: 0, count: plan.source.configuration.layerCount)
    var tables: [TensorName: Double] = [:]
    for tensor in plan.source.tensors {
      let seconds = Double(tensor.byteCount) / Self.bytesPerSecond
      if case .layer(let index, let part) = tensor.name {
        layers[index] += seconds
        if plan.recipe.needsCalibration {
          layers[index] +=
            (Self.multiplyAdds(tensor, part, plan)
              + Self.repairMultiplyAdds(tensor, part, layer: index, plan)) / Self.multiplyAddsPerSecond
        }
      } else if !tensor.name.isNorm {
        tables[tensor.name] = seconds
      }
    }
    layerSeconds = layers
    tableSeconds = tables
  }

  /// In float32: the windows through the matrix, the Gram matrix of its inputs and its factor (in float64, which counts
  /// twice), and what the matrix has to do with either.
  private static func multiplyAdds(
    _ tensor: ConversionPlan.PlannedTensor, _ part: LayerTensor, _ plan: ConversionPlan
  ) -> Double {
    guard tensor.shape.count == 2 else { return 0 }
    let settings = plan.windows
    let matrix = MatrixWork(
      rows: Double(tensor.shape[0]), columns: Double(tensor.shape[1]),
      tokens: settings.statistics == nil ? Double(settings.windowCount * settings.windowTokens) : 0,
      ownsStatistics: part != .keyProjection && part != .valueProjection && part != .upProjection)
    return plan.recipe.steps.reduce(0) { $0 + $1.settings.multiplyAdds(matrix) }
  }

  /// Besides: the windows through the checkpoint's own layer while a cut lies ahead; where one is made, once more through
  /// what is left, the two matrices that add to the hidden states against what these lack, and the MLP's statistics with
  /// their factor once more.
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
