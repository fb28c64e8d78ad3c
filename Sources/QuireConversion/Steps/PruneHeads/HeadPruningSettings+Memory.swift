import QuireCalibration
import QuireModel
import QuireOptimization

extension HeadPruningSettings {
  func addWork(to layer: inout LayerWork) {
    guard removal.mayRemove(layer: layer.index) else { return }
    layer.addMoments(.attentionOutput)
    layer.addPruning(.attentionOutput)
    let count = removal.count(layer: layer.index) ?? 0
    layer.shape = HeadPruning.expectedShape(unit, removing: count, from: layer.shape)
    guard repairs, !layer.isRepairedLater, layer.hasReference else { return }
    layer.addMoments(.mlpOutput)
    layer.addRefit(.mlpOutput)
  }

  /// The memory of the cut, or of the refit of the down projection after it, whichever is more.
  func memoryBytes(_ configuration: ModelConfiguration, threadCount: Int) -> Int {
    let refit = StreamRefit.byteCount(
      rows: configuration.hiddenSize, columns: configuration.maximumIntermediateSize, threadCount: threadCount
    )
    return max(Self.cutBytes(configuration), repairs ? refit : 0)
  }

  /// The Gram matrix and that of the kept columns; its damped copy and inverse, twice while a part is gathered; the
  /// output projection in float32 before and after, with cross moments and residuals, and in float64; the
  /// projections that lose rows.
  private static func cutBytes(_ configuration: ModelConfiguration) -> Int {
    let width = configuration.maximumQueryHeadCount * configuration.headSize
    let keyValueWidth = configuration.maximumKeyValueHeadCount * configuration.headSize
    let projection = width * configuration.hiddenSize
    return width * width * (2 * 4 + 3 * 8) + projection * (4 + 4 + 2 * 4 + 2 * 8)
      + 2 * configuration.hiddenSize * (width + 2 * keyValueWidth)
  }
}

extension ConversionPlan {
  /// Head pruning mainly saves cache, not file size, which the plan says.
  var cacheSentence: String {
    func cacheBytes(_ stage: Stage) -> Int {
      stage.configuration.layers.reduce(0) {
        $0 + 4 * $1.keyValueHeadCount * stage.configuration.headSize
      }
    }
    let before = cacheBytes(source)
    let after = cacheBytes(result)
    guard after < before else {
      let removes = zip(source.configuration.layers, result.configuration.layers)
        .contains { $0.queryHeadCount > $1.queryHeadCount }
      return removes
        ? "heads: the KV cache keeps its size: only query heads are removed" : "heads: none is removed"
    }
    let share = 100 * Double(before - after) / Double(max(1, before))
    return
      "heads: the KV cache shrinks by \(Self.percent(share)), from \(before) to \(after) bytes "
      + "per token in bf16; head pruning saves cache and attention time more than file size"
  }
}
