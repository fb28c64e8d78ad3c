import QuireGrammar
import QuireText

extension AnswerConstraint {
  /// Compiles the constraint, which can take some 100 ms: never on the engine's thread. A constraint that cannot be
  /// compiled is refused with the field, the keyword of the schema and the reason.
  func compiled(_ compiler: ConstraintCompiler) throws(ServingError) -> Constraint {
    do throws(GrammarError) {
      return try compiler.compile(kind)
    } catch {
      throw .rejected(rejection(error))
    }
  }

  private func rejection(_ error: GrammarError) -> Rejection {
    let sentence = Found.message(error.description)
    // A sentence about a tool begins with its path.
    if sentence.hasPrefix("tools[") { return .badField("tools", sentence, code: Self.code) }
    let keyword = error.keyword.flatMap { sentence.contains($0) ? nil : " (\(Found.plain($0)))" }
    return .badField(field, "\(field)\(keyword ?? ""): \(sentence)", code: Self.code)
  }

  private static let code = "invalid_constraint"

  /// The constraint for a model; nil where it has none. Calls in a form without a grammar cannot be held to their
  /// schemas: `strict`, which clients send by themselves, is then ignored, and other constraints are refused.
  func applied(to format: ChatFormat) throws(ServingError) -> AnswerConstraint? {
    if format.answer.tools.canBeForced { return self }
    switch kind {
    case .textAndToolCalls: return nil
    case .toolCalls:
      throw Self.noGrammar(
        "tool_choice", "an answer that must be a call", format,
        advice: "let the model decide or leave it out")
    case .toolCallsOrJSON:
      throw Self.noGrammar(
        field, "an answer that is JSON or a call", format, advice: "leave out the tools or the constraint")
    default: return self
    }
  }

  private static func noGrammar(
    _ field: String, _ answer: String, _ format: ChatFormat, advice: String
  ) -> ServingError {
    let form = format.answer.tools
    let found =
      form == .none ? "a model whose calls have no known form" : "a model that spells them as \(form.name)"
    return .rejected(
      .badField(
        field,
        "\(field): expected a model with calls as \(ToolCallForm.hermes.name) for \(answer), found \(found); "
          + advice,
        code: code))
  }
}
