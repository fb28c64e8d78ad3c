package import QuireText

extension AnswerParts {
  /// All parts of an answer, in order.
  package init(joining parts: [AnswerPart]) {
    self.init()
    for part in parts {
      switch part {
      case .reasoning(let text): reasoning += text
      case .content(let text): content += text
      case .call(let part): add(part)
      }
    }
  }
}
