import QuireCalibration
import QuireFiles
package import QuireModel
import QuireTensors

// The units of a layer, those that may still be removed, and the layer afterwards.
extension HeadPruning {
  /// The KV groups of a layer, in order of their key/value head.
  static func groups(of shape: LayerShape) -> [HeadBlock] {
    (0..<shape.keyValueHeadCount).map { keyValueHead in
      HeadBlock(
        keyValueHead: keyValueHead,
        queryHeads: (0..<shape.queryHeadCount).filter {
          shape.keyValueHeadOfQueryHead[$0] == keyValueHead
        })
    }
  }

  /// Every unit that `unit` can remove from an unpruned layer.
  package static func blocks(_ unit: HeadUnit, of shape: LayerShape) -> [HeadBlock] {
    let groups = groups(of: shape)
    guard unit != .keyValueGroup else { return groups }
    return groups.flatMap { group in
      group.queryHeads.map { HeadBlock(keyValueHead: group.keyValueHead, queryHeads: [$0]) }
    }.sorted { $0.queryHeads[0] < $1.queryHeads[0] }
  }

  /// The score table before anything is removed.
  func scores(_ pruner: LeastSquaresPruner, energy: Double) -> [HeadScore] {
    Self.blocks(unit, of: shape).map { block in
      let columns = columns(ofQueryHeads: block.queryHeads)
      return HeadScore(
        block: block,
        relativeError: energy > 0 ? pruner.error(ofRemoving: columns) / energy : 0,
        relativeErrorUnrepaired: energy > 0 ? pruner.errorUnrepaired(ofRemoving: columns) / energy : 0)
    }
  }

  /// The unit whose removal adds the least error; the first one on a tie. nil when none may be removed.
  func cheapest(
    _ pruner: LeastSquaresPruner, removed: [HeadBlock], quota: Int
  ) -> (block: HeadBlock, error: Double)? {
    var best: (block: HeadBlock, error: Double)?
    for block in Self.blocks(unit, of: shape) where mayGo(block, removed: removed, quota: quota) {
      let error = pruner.error(ofRemoving: columns(ofQueryHeads: block.queryHeads))
      if best == nil || error < best!.error { best = (block, error) }
    }
    return best
  }

  private func mayGo(_ block: HeadBlock, removed: [HeadBlock], quota: Int) -> Bool {
    guard !removed.contains(block) else { return false }
    guard unit == .queryHeadPerGroup else { return true }
    return removed.count { $0.keyValueHead == block.keyValueHead } < quota
  }

  /// The heads that are left; a KV head without query heads is removed too.
  func keptHeads(removed: [HeadBlock]) -> (query: [Int], keyValue: [Int]) {
    let gone = Set(removed.flatMap(\.queryHeads))
    let query = (0..<shape.queryHeadCount).filter { !gone.contains($0) }
    let used = Set(query.map { shape.keyValueHeadOfQueryHead[$0] })
    return (query, used.sorted())
  }

  /// The layer's shape with only the given heads, renumbered.
  func prunedShape(_ kept: (query: [Int], keyValue: [Int])) -> LayerShape {
    let map = kept.query.map { kept.keyValue.firstIndex(of: shape.keyValueHeadOfQueryHead[$0])! }
    return LayerShape(
      keyValueHeadCount: kept.keyValue.count, keyValueHeadOfQueryHead: map,
      intermediateSize: shape.intermediateSize)
  }
}
