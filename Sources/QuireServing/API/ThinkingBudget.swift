import QuireJSON

/// How many tokens of reasoning a request allows. Clients use many fields for that, and all mean the same.
enum ThinkingBudget: Sendable, Equatable {
  case unlimited
  case tokens(Int)

  /// Fields of a chat.
  static let names = [
    "thinking_token_budget", "thinking_budget", "thinking_budget_tokens", "reasoning_budget",
    "reasoning_budget_tokens",
  ]
  /// Members of `chat_template_kwargs`.
  static let templateNames = ["thinking_budget", "thinking_token_budget"]
  /// Members of other objects.
  private static let members = [("thinking", "budget_tokens"), ("reasoning", "max_tokens")]

  /// Where a request may have a budget as a number.
  static let paths: [[String]] =
    names.map { [$0] } + templateNames.map { ["chat_template_kwargs", $0] } + members.map { [$0.0, $0.1] }

  /// `nil` without a limit.
  var count: Int? { if case .tokens(let count) = self { count } else { nil } }

  /// The budget that an effort stands for; `nil` for `none` and `default`, which say nothing about it.
  static func ofEffort(_ effort: String) -> ThinkingBudget? {
    switch effort {
    case "minimal": .tokens(256)
    case "low": .tokens(1024)
    case "medium": .tokens(4096)
    case "high", "xhigh", "max": .unlimited
    default: nil
    }
  }

  /// A budget and the field that gives it.
  struct Given {
    let field: String
    let value: JSONValue
    let budget: ThinkingBudget
  }

  /// The budgets that are given as numbers.
  static func numbers(_ reader: FieldReader) throws(ServingError) -> [Given] {
    var given: [Given] = []
    if let options = try reader.object("chat_template_kwargs") {
      for name in templateNames { given += try number(name, options) }
    }
    for name in names { given += try number(name, reader) }
    for (name, member) in members where reader.value(name)?.objectValue != nil {
      if let options = try reader.object(name) { given += try number(member, options) }
    }
    return given
  }

  private static func number(_ name: String, _ reader: FieldReader) throws(ServingError) -> [Given] {
    guard let value = reader.value(name) else { return [] }
    let count = try reader.limit(name, atLeast: 0)
    return [Given(field: reader.prefix + name, value: value, budget: count.map { .tokens($0) } ?? .unlimited)]
  }
}
