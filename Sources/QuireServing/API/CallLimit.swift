import QuireText

/// Leaves out the calls after the first where a request does not allow several.
struct CallLimit: Sendable {
  private let allowsSeveral: Bool
  private var count = 0

  init(_ tools: ToolFields) {
    allowsSeveral = tools.allowsParallelCalls
  }

  mutating func apply(to parts: inout AnswerParts) {
    if allowsSeveral || parts.calls.isEmpty { return }
    var kept: [ToolCallPart] = []
    for part in parts.calls {
      if part.name != nil { count += 1 }
      if count <= 1 { kept.append(part) }
    }
    parts.calls = kept
  }
}
