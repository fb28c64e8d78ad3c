/// Prints an answer while it is generated. On a terminal the reasoning is dim and precedes the answer. Otherwise the
/// reasoning goes to stderr and only the answer to stdout, where another program can read it.
// Unchecked: used by the engine's thread until the result is available, then by the waiting thread.
final class AnswerPrinter: @unchecked Sendable {
  enum Manner {
    /// Prints for people; `showsThought` also prints reasoning that goes to stderr.
    case shown(showsThought: Bool)
    /// Collects the answer without printing.
    case silent
  }

  private(set) var reasoning = ""
  private(set) var content = ""
  private let manner: Manner

  init(_ manner: Manner) { self.manner = manner }

  func take(_ newReasoning: String, _ newContent: String) {
    if case .shown(let showsThought) = manner {
      if !newReasoning.isEmpty {
        showThought((reasoning.isEmpty ? "thinking:\n" : "") + newReasoning, showsThought)
      }
      if !newContent.isEmpty {
        if content.isEmpty && !reasoning.isEmpty { showThought("\n\n", showsThought) }
        Terminal.answer(newContent)
      }
    }
    reasoning += newReasoning
    content += newContent
  }

  private func showThought(_ text: String, _ showsThought: Bool) {
    if Terminal.outputScreen.isTerminal {
      Terminal.answer(text, isDim: true)
    } else if showsThought {
      Terminal.thought(text)
    }
  }

  func close() {
    guard case .shown(let showsThought) = manner else { return }
    Terminal.answer("\n")
    // Ends the line of reasoning that no answer followed.
    if !Terminal.outputScreen.isTerminal, content.isEmpty, !reasoning.isEmpty {
      showThought("\n", showsThought)
    }
  }
}
