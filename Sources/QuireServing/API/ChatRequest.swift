import QuireGeneration
import QuireJSON

/// A chat completion as asked for, every field read and checked.
struct ChatRequest: Sendable {
  let prompt: ChatPromptFields
  let generation: GenerationFields
  /// Alternatives per token; `nil`: no log-probabilities.
  let logprobCount: Int?
  /// Whether the answer shows the thought.
  let includesReasoning: Bool

  init(_ reader: inout FieldReader, vocabularySize: Int) throws(ServingError) {
    prompt = try ChatPromptFields(&reader)
    var generation = try GenerationFields(
      &reader, defaults: .recommended(prompt.mode), vocabularySize: vocabularySize)
    generation.maximumTokens = try GenerationFields.maximumTokens(
      &reader, atLeast: 1, names: ["max_completion_tokens", "max_tokens"])
    self.generation = generation
    logprobCount = try Self.logprobCount(&reader)
    includesReasoning = try reader.bool("include_reasoning") ?? true
    try KnownFields.read(&reader, alsoNeutral: KnownFields.neutralInChat)
    try reader.refuseUnknown()
  }

  private static func logprobCount(_ reader: inout FieldReader) throws(ServingError) -> Int? {
    let isWanted = try reader.bool("logprobs") ?? false
    let count = try reader.int("top_logprobs", in: 0...20)
    if let count, count > 0, !isWanted {
      throw .rejected(
        .badField(
          "top_logprobs",
          "'top_logprobs' is \(count), but 'logprobs' is not true: add \"logprobs\": true or leave it out."))
    }
    return isWanted ? count ?? 0 : nil
  }
}
