import QuireCalibration
import QuireFiles
package import QuireModel
package import QuireTensors

/// The unit that `prune-heads` removes as a whole.
package enum HeadUnit: String, Sendable, CaseIterable {
  /// A key/value head with all query heads of its group.
  case keyValueGroup = "kv-group"
  /// Any single query head; a key/value head without query heads is removed with the last of them.
  case queryHead = "query-head"
  /// The same number of query heads from every KV group.
  case queryHeadPerGroup = "query-head-per-group"
}

/// The query heads of one removable unit.
package struct HeadBlock: Sendable, Equatable, Codable {
  package let keyValueHead: Int
  package let queryHeads: [Int]  // ascending
}

/// One line of the score table: the error of removing one unit.
package struct HeadScore: Sendable, Equatable, Codable {
  package let block: HeadBlock
  /// Share of the attention output's mean square that is lost when the unit is removed and the rest is refitted.
  package let relativeError: Double
  /// The same without refitting.
  package let relativeErrorUnrepaired: Double
}

/// The result of pruning one layer, for the plan, the log and the pack's provenance.
package struct HeadPruningResult: Sendable, Equatable, Codable {
  /// The layer after pruning.
  package let shape: LayerShape
  package let keptQueryHeads: [Int]  // ascending, numbered as before
  package let keptKeyValueHeads: [Int]  // ascending, numbered as before
  /// Every unit, scored before the first removal.
  package let scores: [HeadScore]
  /// In the order of removal.
  package let removed: [HeadBlock]
  /// Share of the attention output's mean square that all removals together lose, with the refit.
  package let relativeError: Double
  /// The same removals without refitting.
  package let relativeErrorUnrepaired: Double
  /// Share of the mean diagonal that was added to H.
  package let damping: Double
}

/// Chooses heads of one layer greedily by least squares and refits the output projection.
///
/// The input columns of the output projection are ordered by query head, `headSize` columns each.
package struct HeadPruning {
  package let unit: HeadUnit
  package let shape: LayerShape
  package let headSize: Int

  package init(unit: HeadUnit, shape: LayerShape, headSize: Int) {
    self.unit = unit
    self.shape = shape
    self.headSize = headSize
  }

  /// Removes `count` units (of every group, for `query-head-per-group`).
  ///
  /// - Parameters:
  ///   - first: the unit to remove first, whatever its error; nil: the one of least error
  ///   - outputProjection: W (hidden, query heads × head size)
  ///   - gram: H = XᵀX/N of its input, both triangles
  /// - Returns: nil when H holds a NaN or an infinity.
  package func run(
    removing count: Int, first: HeadBlock? = nil, outputProjection: MatrixView<Float>, gram: MatrixView<Float>
  ) -> (result: HeadPruningResult, pruner: LeastSquaresPruner)? {
    precondition(outputProjection.columns == shape.queryHeadCount * headSize, "W does not fit the shape")
    guard let pruner = LeastSquaresPruner(weights: outputProjection, gram: gram) else { return nil }
    let energy = pruner.outputEnergy()
    let scores = scores(pruner, energy: energy)
    var removed: [HeadBlock] = []
    var error = 0.0
    for _ in 0..<removals(count) {
      let forced = removed.isEmpty ? first : nil
      guard
        let best: (block: HeadBlock, error: Double) =
          forced.map({ ($0, pruner.error(ofRemoving: columns(of: $0))) })
          ?? cheapest(pruner, removed: removed, quota: count)
      else { break }
      error += best.error
      pruner.remove(columns(of: best.block))
      removed.append(best.block)
    }
    let unrepaired = pruner.errorUnrepaired(ofRemoving: removed.flatMap(columns(of:)).sorted())
    let kept = keptHeads(removed: removed)
    let result = HeadPruningResult(
      shape: prunedShape(kept), keptQueryHeads: kept.query, keptKeyValueHeads: kept.keyValue,
      scores: scores, removed: removed, relativeError: Self.share(error, of: energy),
      relativeErrorUnrepaired: Self.share(unrepaired, of: energy), damping: pruner.damping)
    return (result, pruner)
  }

  /// The additional error of each further count, from one to the largest, as shares of the output's mean square;
  /// also the score table and the output's mean square. nil when H holds a NaN or an infinity.
  package func survey(
    outputProjection: MatrixView<Float>, gram: MatrixView<Float>
  ) -> (scores: [HeadScore], steps: [Double], energy: Double)? {
    guard let pruner = LeastSquaresPruner(weights: outputProjection, gram: gram) else { return nil }
    let energy = pruner.outputEnergy()
    let scores = scores(pruner, energy: energy)
    var removed: [HeadBlock] = []
    let steps = (0..<Self.largestRemoval(unit, shape: shape)).map { quota in
      var error = 0.0
      for _ in 0..<removals(1) {
        guard let best = cheapest(pruner, removed: removed, quota: quota + 1) else { break }
        error += best.error
        pruner.remove(columns(of: best.block))
        removed.append(best.block)
      }
      return Self.share(error, of: energy)
    }
    return (scores, steps, energy)
  }

  /// The input columns of the output projection that belong to the given query heads.
  package func columns(ofQueryHeads heads: [Int]) -> [Int] {
    heads.flatMap { ($0 * headSize)..<(($0 + 1) * headSize) }
  }

  /// The number of removals in this layer for `count`.
  package func removals(_ count: Int) -> Int {
    unit == .queryHeadPerGroup ? count * shape.keyValueHeadCount : count
  }

  /// The largest count that leaves at least one head.
  package static func largestRemoval(_ unit: HeadUnit, shape: LayerShape) -> Int {
    switch unit {
    case .keyValueGroup: shape.keyValueHeadCount - 1
    case .queryHead: shape.queryHeadCount - 1
    case .queryHeadPerGroup: (groups(of: shape).map(\.queryHeads.count).min() ?? 1) - 1
    }
  }

  /// The shape to expect after removing `count` units, before the scores are known.
  ///
  /// The head counts are exact unless the groups differ in size; for `query-head` it is assumed that no KV
  /// head loses all its query heads.
  package static func expectedShape(
    _ unit: HeadUnit, removing count: Int, from shape: LayerShape
  ) -> LayerShape {
    let groups = groups(of: shape)
    let removed: [HeadBlock]
    switch unit {
    case .keyValueGroup:
      removed = Array(groups.suffix(count))
    case .queryHead:
      removed = Array(spread(groups).prefix(count))
    case .queryHeadPerGroup:
      removed = groups.map {
        HeadBlock(keyValueHead: $0.keyValueHead, queryHeads: Array($0.queryHeads.suffix(count)))
      }
    }
    let pruning = HeadPruning(unit: unit, shape: shape, headSize: 1)
    return pruning.prunedShape(pruning.keptHeads(removed: removed))
  }

  /// The single query heads, one from each group in turn.
  private static func spread(_ groups: [HeadBlock]) -> [HeadBlock] {
    let rounds = groups.map(\.queryHeads.count).max() ?? 0
    return (0..<rounds).flatMap { round in
      groups.filter { round < $0.queryHeads.count }.map {
        HeadBlock(keyValueHead: $0.keyValueHead, queryHeads: [$0.queryHeads[round]])
      }
    }
  }

  private func columns(of block: HeadBlock) -> [Int] {
    columns(ofQueryHeads: block.queryHeads)
  }

  private static func share(_ error: Double, of energy: Double) -> Double {
    energy > 0 ? error / energy : 0
  }
}
