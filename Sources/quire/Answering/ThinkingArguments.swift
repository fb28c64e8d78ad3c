import QuireGeneration
import QuireServing
import QuireText

extension Command.Option {
  static let thinkingBudget = Self(
    "--thinking-budget", "N",
    "the most tokens of reasoning; then the program closes it and the model answers (default: no limit)")
}

extension Arguments {
  /// The most tokens of reasoning; nil for no limit.
  func thinkingBudget() throws -> Int? { try integer("--thinking-budget", in: 0...Int(Int32.max)) }

  /// What `--thinking`, `--answer-reserve` and `--thinking-close-message` of a server ask for.
  func thinkingDefaults() throws -> ThinkingDefaults {
    var defaults = ThinkingDefaults()
    switch string("--thinking") {
    case nil, "on": break
    case "off": defaults.mode = .nonThinking
    case let text?:
      guard let budget = Int(text), (0...Int(Int32.max)).contains(budget) else {
        throw UsageError(
          command, "--thinking: expected on, off or a number of tokens, found '\(text)'")
      }
      defaults.budget = budget
    }
    defaults.answerReserve =
      try integer("--answer-reserve", in: 0...Int(Int32.max)) ?? defaults.answerReserve
    defaults.closingSentence = string("--thinking-close-message")
    return defaults
  }
}

/// The budget that a line of a chat sets, such as "/budget 500"; "/budget" alone sets none.
struct BudgetLine {
  let budget: Int?

  /// nil for another line, or for something else than a number.
  init?(_ line: String) {
    let words = line.split(separator: " ")
    guard words.first == "/budget", words.count <= 2 else { return nil }
    guard words.count == 2 else {
      budget = nil
      return
    }
    guard let number = Int32(words[1]), number >= 0 else { return nil }
    budget = Int(number)
  }
}
