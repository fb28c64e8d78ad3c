/// The widths of one decoder layer. Pruning makes layers differ, so every layer carries its own.
///
///     let regular = LayerShape(queryHeadCount: 32, keyValueHeadCount: 8, intermediateSize: 12288)
///     let pruned = LayerShape(keyValueHeadCount: 2, keyValueHeadOfQueryHead: [0, 0, 1], intermediateSize: 12288)
package struct LayerShape: Sendable, Equatable, Codable {
  package let keyValueHeadCount: Int
  /// The KV head that each query head uses.
  package let keyValueHeadOfQueryHead: [Int]  // (query head)
  package let intermediateSize: Int

  package var queryHeadCount: Int { keyValueHeadOfQueryHead.count }

  /// A layer whose consecutive query heads share KV heads evenly, as in every published Qwen3.
  /// Precondition: `keyValueHeadCount` divides `queryHeadCount`.
  package init(queryHeadCount: Int, keyValueHeadCount: Int, intermediateSize: Int) {
    precondition(
      keyValueHeadCount > 0 && queryHeadCount % keyValueHeadCount == 0,
      "\(queryHeadCount) query heads do not share \(keyValueHeadCount) KV heads evenly")
    let headsPerGroup = queryHeadCount / keyValueHeadCount
    self.init(
      keyValueHeadCount: keyValueHeadCount,
      keyValueHeadOfQueryHead: (0..<queryHeadCount).map { $0 / headsPerGroup },
      intermediateSize: intermediateSize)
  }

  /// A layer with any map from query heads to KV heads.
  /// Precondition: there is a head, and every KV head has at least one query head.
  package init(keyValueHeadCount: Int, keyValueHeadOfQueryHead: [Int], intermediateSize: Int) {
    let problem = Self.problem(
      keyValueHeadCount: keyValueHeadCount, keyValueHeadOfQueryHead: keyValueHeadOfQueryHead)
    precondition(problem == nil, problem ?? "")
    self.keyValueHeadCount = keyValueHeadCount
    self.keyValueHeadOfQueryHead = keyValueHeadOfQueryHead
    self.intermediateSize = intermediateSize
  }

  /// Whether consecutive query heads share KV heads evenly, so that counts alone describe the map.
  package var isRegular: Bool {
    guard queryHeadCount % keyValueHeadCount == 0 else { return false }
    let headsPerGroup = queryHeadCount / keyValueHeadCount
    return keyValueHeadOfQueryHead.enumerated().allSatisfy { $0.element == $0.offset / headsPerGroup }
  }

  /// What is wrong with a head map, or nil when it is valid.
  static func problem(keyValueHeadCount: Int, keyValueHeadOfQueryHead: [Int]) -> String? {
    if keyValueHeadOfQueryHead.isEmpty || keyValueHeadCount < 1 { return "no heads are left" }
    if let head = keyValueHeadOfQueryHead.first(where: { !(0..<keyValueHeadCount).contains($0) }) {
      return "a query head attends through KV head \(head) of \(keyValueHeadCount)"
    }
    let used = Set(keyValueHeadOfQueryHead)
    if let unused = (0..<keyValueHeadCount).first(where: { !used.contains($0) }) {
      return "no query head attends through KV head \(unused)"
    }
    return nil
  }
}
