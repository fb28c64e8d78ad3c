import QuireGeneration
import QuireServing
import QuireText

extension Command.Option {
  static let thinkingBudget = Self(
    "--thinking-budget", "N",
    "maximum tokens of reasoning; at the limit it is closed and the model answers (default: no limit)")
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
          command, "\(spelling("--thinking")): expected on, off or a number of tokens, found '\(text)'")
      }
      defaults.budget = budget
    }
    defaults.answerReserve =
      try integer("--answer-reserve", in: 0...Int(Int32.max)) ?? defaults.answerReserve
    defaults.closingSentence = string("--thinking-close-message")
    return defaults
  }
}
