import QuireJSON
import QuireText

/// Fields of chats in the two other APIs for conversations, which have other names for what they ask, or no place for it.
/// Ignored, such a field would silently change the answer that its client expects; so it is refused there unless its
/// value changes nothing.
extension KnownFields {
  /// Constraints.
  ///
  /// - Parameter own: The API's own field for one.
  static func chatConstraints(own: String) -> [NeutralField] {
    let reason = "a constraint is given as '\(own)'"
    return [
      NeutralField("response_format", [["type": "text"]], reason),
      NeutralField("structured_outputs", [false, [:]], reason),
    ] + ["grammar", "regex", "ebnf", "format"].map { NeutralField($0, [""], reason) }
      + ["guided_json", "guided_regex", "guided_choice", "guided_grammar", "json_schema"].map {
        NeutralField($0, [], reason)
      }
  }

  /// Requests for log-probabilities.
  ///
  /// - Parameter more: Other names of the number of alternatives.
  static func logprobsOfChats(_ more: [String] = [], because reason: String) -> [NeutralField] {
    [NeutralField("logprobs", [false], reason)] + (more + ["n_probs"]).map { NeutralField($0, [0], reason) }
  }

  /// What neither of the two APIs has.
  static let ofChatsAlone: [NeutralField] =
    [
      NeutralField("chat_template", [], "the template cannot be chosen here"),
      NeutralField("documents", [[]], "documents are given as text of messages here"),
      NeutralField("echo", [false], "an answer of this API has only the new text"),
      NeutralField("verbose", [false], "an answer of this API has no text of the prompt"),
      NeutralField("prompt_logprobs", [], "an answer of this API has nothing about the prompt"),
      NeutralField("logprob_token_ids", [[]], "an answer of this API has no token ids"),
    ]
    + ["return_token_ids", "return_tokens", "return_tokens_as_token_ids"].map {
      NeutralField($0, [false], "an answer of this API has no token ids")
    }
}

/// What a request of Anthropic's API asks for, in fields of chats. They are accepted where they say the same again.
struct ChatMeaning {
  private var thinks = false
  private var budget: Int?
  private var includesReasoning = true
  private var continuesLast = false
  /// Whether an answer may have several calls; `nil` without tools.
  private var allowsParallelCalls: Bool?
  private var limit: Int?

  private init() {}

  init(_ prompt: ChatPromptFields, includesReasoning: Bool, limit: Int?) {
    thinks = prompt.mode == .thinking
    budget = prompt.thinkingBudget
    self.includesReasoning = includesReasoning
    continuesLast = prompt.continuesFinalMessage
    allowsParallelCalls = prompt.tools.tools.isEmpty ? nil : prompt.tools.allowsParallelCalls
    self.limit = limit
  }

  static let names = ChatMeaning().fields.map(\.name)

  var fields: [NeutralField] { mode + conversation + limits }

  private var mode: [NeutralField] {
    let thinks = JSONValue.bool(thinks)
    let reason = "'thinking' says here whether the model thinks"
    return [
      NeutralField("enable_thinking", [thinks], reason),
      NeutralField("think", [thinks], reason),
      NeutralField("chat_template_kwargs", [["enable_thinking": thinks], [:]], reason),
      NeutralField("reasoning", [thinks, ["enabled": thinks], [:]], reason),
      NeutralField("reasoning_effort", self.thinks ? ["default"] : ["none", "default"], reason),
      NeutralField(
        "include_reasoning", [.bool(includesReasoning)],
        "'thinking.display' says here whether the answer shows the reasoning"),
    ]
  }

  private var conversation: [NeutralField] {
    let reason = "a last message of the assistant's is continued, and no other one"
    return [
      NeutralField("continue_final_message", [.bool(continuesLast)], reason),
      NeutralField("add_generation_prompt", [.bool(!continuesLast)], reason),
      NeutralField(
        "parallel_tool_calls", allowsParallelCalls.map { [.bool($0)] } ?? [true, false],
        "'tool_choice.disable_parallel_tool_use' says that here"),
    ]
  }

  private var limits: [NeutralField] {
    func values(_ limit: Int?) -> [JSONValue] { [-1] + (limit.map { [.int($0)] } ?? []) }
    return ThinkingBudget.names.map {
      NeutralField($0, values(budget), "'thinking.budget_tokens' limits the reasoning here")
    }
      + ["max_completion_tokens", "max_output_tokens", "n_predict"].map {
        NeutralField($0, values(limit), "'max_tokens' limits the answer here")
      }
  }
}
