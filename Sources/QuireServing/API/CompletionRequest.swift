import QuireGeneration
import QuireJSON
import QuireText

/// A text completion as asked for, every field read and checked.
struct CompletionRequest: Sendable {
  /// One prompt, as text or as token ids.
  enum Prompt: Sendable, Equatable {
    case text(String)
    case tokens([Int32])
  }

  let prompts: [Prompt]
  let generation: GenerationFields
  /// Alternatives per token; `nil`: no log-probabilities.
  let logprobCount: Int?
  /// Whether the answer begins with the prompt, and log-probabilities with the prompt's.
  let echoesPrompt: Bool
  /// Whether log-probabilities name tokens by id.
  let namesTokensByID: Bool

  static let maximumLogprobCount = 20
  /// The API's own default.
  static let defaultMaximumTokens = 16

  init(_ reader: inout FieldReader, vocabularySize: Int, maximumChoices: Int) throws(ServingError) {
    prompts = try Self.prompts(&reader, vocabularySize: vocabularySize)
    // A raw prompt has no mode; these are the defaults of Qwen3's generation_config.json.
    var generation = try GenerationFields(
      &reader, defaults: .recommended(.thinking), vocabularySize: vocabularySize)
    logprobCount = try reader.int("logprobs", in: 0...Self.maximumLogprobCount)
    echoesPrompt = try reader.bool("echo") ?? false
    namesTokensByID = try reader.bool("return_tokens_as_token_ids") ?? false
    generation.maximumTokens = try GenerationFields.maximumTokens(
      &reader, atLeast: echoesPrompt ? 0 : 1, names: ["max_tokens"])
    self.generation = generation
    let count = prompts.count * generation.choiceCount
    guard count <= maximumChoices else {
      throw .rejected(
        .badField(
          "prompt",
          "A request may ask for \(maximumChoices) answers, but \(prompts.count) prompts × 'n' are \(count): "
            + "send fewer prompts at a time."))
    }
    try KnownFields.read(&reader, alsoNeutral: KnownFields.neutralInCompletions)
    try reader.refuseUnknown()
  }

  private static func prompts(_ reader: inout FieldReader, vocabularySize: Int) throws(ServingError)
    -> [Prompt]
  {
    guard let value = reader.value("prompt") else {
      throw .rejected(.badField("prompt", "'prompt' is missing: send a text or an array of token ids."))
    }
    if let text = value.stringValue { return [.text(text)] }
    let expected = "a string, an array of strings, an array of token ids or an array of such arrays"
    guard let elements = value.arrayValue, let first = elements.first else {
      throw reader.wrong("prompt", expected: expected, found: value, advice: .correct)
    }
    if first.numberValue != nil {
      let ids = try GenerationFields.tokenIDs(
        elements, name: "prompt", in: reader, vocabularySize: vocabularySize)
      return [.tokens(ids)]
    }
    var prompts: [Prompt] = []
    for (index, element) in elements.enumerated() {
      if let text = element.stringValue {
        prompts.append(.text(text))
      } else if let ids = element.arrayValue {
        prompts.append(
          .tokens(
            try GenerationFields.tokenIDs(
              ids, name: "prompt[\(index)]", in: reader, vocabularySize: vocabularySize)))
      } else {
        throw reader.wrong(
          "prompt[\(index)]", expected: "a string or an array of token ids", found: element, advice: .correct)
      }
    }
    return prompts
  }
}
