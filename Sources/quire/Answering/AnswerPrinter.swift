/// Prints an answer as it comes. On a terminal the thought is dim and stands before the answer; otherwise the answer alone
/// goes to stdout and the thought to stderr, so that a program that reads the answer gets nothing else.
// Unchecked: used by the engine's thread until the result is there, then by the one that waited.
final class AnswerPrinter: @unchecked Sendable {
  enum Manner {
    /// For people; `showsThought` also where the thought goes to stderr.
    case shown(showsThought: Bool)
    /// Only collects.
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
        Terminal.output(newContent)
      }
    }
    reasoning += newReasoning
    content += newContent
  }

  private func showThought(_ text: String, _ showsThought: Bool) {
    if Terminal.outputScreen.isTerminal {
      Terminal.outputStyled(Terminal.dimmed(text))
    } else if showsThought {
      Terminal.thought(text)
    }
  }

  func close() {
    guard case .shown(let showsThought) = manner else { return }
    Terminal.outputLine()
    // A thought that no answer followed still ends its line.
    if !Terminal.outputScreen.isTerminal, content.isEmpty, !reasoning.isEmpty {
      showThought("\n", showsThought)
    }
  }
}
