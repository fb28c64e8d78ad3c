/// A contiguous part of an answer.
package enum AnswerPart: Sendable, Equatable {
  case reasoning(String)
  case content(String)
  case call(ToolCallPart)
}

/// An answer, or what a token adds to one, by kind.
package struct AnswerParts: Sendable, Equatable {
  package var reasoning: String
  package var content: String
  /// The first part may continue a call of the text before.
  package var calls: [ToolCallPart]

  package init(reasoning: String = "", content: String = "", calls: [ToolCallPart] = []) {
    self.reasoning = reasoning
    self.content = content
    self.calls = calls
  }

  package var isEmpty: Bool { reasoning.isEmpty && content.isEmpty && calls.isEmpty }

  package static func += (left: inout AnswerParts, right: AnswerParts) {
    left.reasoning += right.reasoning
    left.content += right.content
    for part in right.calls { left.add(part) }
  }

  /// Adds a call, or continues the last one.
  package mutating func add(_ part: ToolCallPart) {
    if part.name == nil && !calls.isEmpty {
      calls[calls.count - 1].arguments += part.arguments
    } else {
      calls.append(part)
    }
  }
}
