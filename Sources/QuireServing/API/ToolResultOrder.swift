import QuireText

/// The order of tools' results in a conversation. The prompts of many models show results without ids, so the model takes
/// the first result for that of the first call; clients send results in the order in which their tools ended.
enum ToolResultOrder {
  /// The messages with the results of each turn in the order of its calls. A turn with a result that names none of its
  /// calls stays as it is.
  static func byCalls(_ messages: [ChatMessage]) -> [ChatMessage] {
    var ordered = messages
    var index = 0
    while index < messages.count {
      let calls = messages[index].toolCalls
      index += 1
      let first = index
      while index < messages.count && messages[index].role == .tool { index += 1 }
      guard index - first > 1, let results = sorted(messages[first..<index], by: calls) else { continue }
      ordered.replaceSubrange(first..<index, with: results)
    }
    return ordered
  }

  private static func sorted(
    _ results: ArraySlice<ChatMessage>, by calls: [ChatToolCall]
  ) -> [ChatMessage]? {
    var positions: [String: Int] = [:]
    for (position, call) in calls.enumerated() {
      guard let id = call.id else { continue }
      if positions.updateValue(position, forKey: id) != nil { return nil }
    }
    var placed: [(call: Int, index: Int)] = []
    for (index, result) in zip(results.indices, results) {
      guard let call = result.toolCallID.flatMap({ positions[$0] }) else { return nil }
      placed.append((call, index))
    }
    return placed.sorted { ($0.call, $0.index) < ($1.call, $1.index) }.map { results[$0.index] }
  }
}
