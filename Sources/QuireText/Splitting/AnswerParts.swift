/// A contiguous part of an answer.
package enum AnswerPart: Sendable, Equatable {
  case reasoning(String)
  case content(String)
  case call(ChatToolCall)
}

/// An answer, or what a token adds to one, by kind.
package struct AnswerParts: Sendable, Equatable {
  package var reasoning: String
  package var content: String
  package var calls: [ChatToolCall]

  package init(reasoning: String = "", content: String = "", calls: [ChatToolCall] = []) {
    self.reasoning = reasoning
    self.content = content
    self.calls = calls
  }

  /// All parts of an answer, in order.
  package init(joining parts: [AnswerPart]) {
    self.init()
    for part in parts {
      switch part {
      case .reasoning(let text): reasoning += text
      case .content(let text): content += text
      case .call(let call): calls.append(call)
      }
    }
  }

  package var isEmpty: Bool { reasoning.isEmpty && content.isEmpty && calls.isEmpty }

  package static func += (left: inout AnswerParts, right: AnswerParts) {
    left.reasoning += right.reasoning
    left.content += right.content
    left.calls += right.calls
  }
}
