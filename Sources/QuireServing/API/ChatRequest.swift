import QuireGeneration
import QuireJSON
import QuireText

/// A chat completion as asked for, every field read and checked.
struct ChatRequest: Sendable {
  static let shape = RequestShape.object(
    KnownFields.chatShape + ChatPromptFields.shape + GenerationFields.shape + TokenFields.returnedShape
      + ConstraintFields.shape
      + .any(["model", "logprobs", "top_logprobs", "n_probs", "verbose", "echo"] + lengthNames))

  /// Names of the limit on the answer's length.
  private static let lengthNames = ["max_completion_tokens", "max_tokens", "max_output_tokens", "n_predict"]

  let prompt: ChatPromptFields
  let generation: GenerationFields
  /// The constraint on the answer; `nil`: the answer is free.
  let constraint: AnswerConstraint?
  /// Alternatives per token; `nil`: no log-probabilities.
  let logprobCount: Int?
  /// Whether the answer shows the reasoning.
  let includesReasoning: Bool
  /// Whether the answer has the text of the prompt.
  var showsPrompt = false
  /// The continued message, with which the content begins; `nil`: it has only the new text.
  var echo: String?

  /// `defaults` and `thinking` apply where the request says nothing.
  init(
    _ reader: FieldReader, defaults: SamplingDefaults, thinking: ThinkingDefaults,
    vocabularySize: Int
  ) throws(ServingError) {
    prompt = try ChatPromptFields(reader, thinking: thinking)
    var generation = try GenerationFields(
      reader, defaults: defaults.parameters(prompt.samplingMode(defaults.chatFormat)),
      vocabularySize: vocabularySize, returnsTokenFields: true)
    generation.maximumTokens = try GenerationFields.maximumTokens(reader, atLeast: 1, names: Self.lengthNames)
    self.generation = generation
    constraint = try prompt.tools.constraint(with: ConstraintFields.read(reader))
    logprobCount =
      try Self.logprobCount(reader) ?? (generation.tokens.logprobTokenIDs.isEmpty ? nil : 0)
    includesReasoning = try ThinkingFields.includesReasoning(reader)
    showsPrompt = try reader.bool("verbose") ?? false
    echo = try Self.echo(reader, prompt)
    try KnownFields.check(reader, also: KnownFields.neutralInChat)
  }

  /// A request of another API.
  init(
    prompt: ChatPromptFields, generation: GenerationFields, constraint: AnswerConstraint?, logprobCount: Int?,
    includesReasoning: Bool
  ) {
    self.prompt = prompt
    self.generation = generation
    self.constraint = constraint
    self.logprobCount = logprobCount
    self.includesReasoning = includesReasoning
  }

  private static func echo(
    _ reader: FieldReader, _ prompt: ChatPromptFields
  ) throws(ServingError) -> String? {
    guard try reader.bool("echo") ?? false else { return nil }
    guard prompt.continuesFinalMessage else {
      throw .rejected(
        .badField(
          "echo",
          "echo: expected false without \"continue_final_message\": true, because only a continued message is repeated, "
            + "found true; add that or leave it out"))
    }
    return prompt.messages.last?.content
  }

  private static func logprobCount(_ reader: FieldReader) throws(ServingError) -> Int? {
    let isAsked = try reader.bool("logprobs")
    let isWanted = isAsked ?? false
    let count = try reader.int("top_logprobs", in: 0...RequestLimits.logprobCountMaximum)
    if let count, count > 0, !isWanted {
      throw .rejected(
        .badField(
          "top_logprobs",
          "top_logprobs: expected 0 without \"logprobs\": true, found \(count); add that or leave it out"))
    }
    let alternatives = try GenerationFields.logprobCount(
      reader, "top_logprobs", isWanted ? count : nil, isOff: isAsked == false)
    return alternatives ?? (isWanted ? 0 : nil)
  }
}
