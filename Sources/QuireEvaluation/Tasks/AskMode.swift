package import QuireText

/// How problems are asked: Qwen3's chat mode, and a limit of the thought.
package struct AskMode: Sendable, Hashable {
  package let mode: ThinkingMode
  /// The most tokens of the thought; nil for no limit. Nil without thinking.
  package let budget: Int?

  package init(_ mode: ThinkingMode, budget: Int? = nil) {
    self.mode = mode
    self.budget = budget
  }

  package static let thinking = AskMode(.thinking)
  package static let nonThinking = AskMode(.nonThinking)

  /// The key in reports: "thinking", "nonThinking", "thinking-128".
  package var key: String { mode.rawValue + (budget.map { "-\($0)" } ?? "") }

  /// The name in tables: "thinking ≤ 128".
  package var title: String { mode.tableName + (budget.map { " ≤ \($0)" } ?? "") }
}
