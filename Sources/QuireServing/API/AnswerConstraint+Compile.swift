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

  /// Refuses a constraint on calls for a model whose calls are spelled in a form without a grammar.
  func check(_ format: ChatFormat) throws(ServingError) {
    switch kind {
    case .toolCalls, .toolCallsOrJSON, .textAndToolCalls: break
    default: return
    }
    if format.answer.tools.canBeForced { return }
    let form = format.answer.tools
    let found =
      form == .none ? "a model whose calls have no known form" : "a model that spells them as \(form.name)"
    throw .rejected(
      .badField(
        "tool_choice",
        "tool_choice: expected a model with calls as \(ToolCallForm.hermes.name) for an answer that must be a call or "
          + "JSON, found \(found); send \"tool_choice\": \"auto\" without a constraint on the answer",
        code: Self.code))
  }
}
