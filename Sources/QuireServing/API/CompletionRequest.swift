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

  static let shape = RequestShape.object(
    KnownFields.completionShape + GenerationFields.shape + TokenFields.returnedShape
      + ConstraintFields.shape
      + .any(["model", "prompt", "logprobs", "n_probs", "echo"] + lengthNames))

  /// Names of the limit on the answer's length.
  private static let lengthNames = ["max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict"]

  let prompts: [Prompt]
  let generation: GenerationFields
  /// The constraint on the answer; `nil`: the answer is free.
  let constraint: AnswerConstraint?
  /// Alternatives per token; `nil`: no log-probabilities.
  let logprobCount: Int?
  /// Whether the answer begins with the prompt, and log-probabilities with the prompt's.
  let echoesPrompt: Bool

  /// The API's own default.
  static let defaultMaximumTokens = 16

  init(
    _ reader: FieldReader, defaults: SamplingDefaults, vocabularySize: Int, maximumChoices: Int
  ) throws(ServingError) {
    prompts = try Self.prompts(reader, vocabularySize: vocabularySize)
    // A raw prompt has no mode. The model's authors recommend the thinking values unless they name a mode.
    var generation = try GenerationFields(
      reader, defaults: defaults.parameters(.thinking), vocabularySize: vocabularySize,
      returnsTokenFields: true)
    constraint = try ConstraintFields.read(reader)
    logprobCount =
      try Self.logprobCount(reader) ?? (generation.tokens.logprobTokenIDs.isEmpty ? nil : 0)
    echoesPrompt = try reader.bool("echo") ?? false
    generation.maximumTokens = try GenerationFields.maximumTokens(
      reader, atLeast: echoesPrompt ? 0 : 1, names: Self.lengthNames,
      withoutAny: Self.defaultMaximumTokens)
    self.generation = generation
    try generation.checkChoices(promptCount: prompts.count, atMost: maximumChoices)
    try KnownFields.check(reader, also: KnownFields.neutralInCompletions)
  }

  /// Some clients say `false` for none.
  private static func logprobCount(_ reader: FieldReader) throws(ServingError) -> Int? {
    let isOff = reader.value("logprobs")?.boolValue == false
    let count = isOff ? nil : try reader.int("logprobs", in: 0...RequestLimits.logprobCountMaximum)
    return try GenerationFields.logprobCount(reader, "logprobs", count, isOff: isOff)
  }

  private static func prompts(_ reader: FieldReader, vocabularySize: Int) throws(ServingError)
    -> [Prompt]
  {
    guard let value = reader.value("prompt") else {
      throw .rejected(
        .badField("prompt", "prompt: expected a text or an array of token ids, found none; send one"))
    }
    if let text = value.stringValue { return [.text(text)] }
    let expected = "a string, an array of strings, an array of token ids or an array of such arrays"
    guard let elements = value.arrayValue, let first = elements.first else {
      throw reader.wrong("prompt", expected: expected, found: value, advice: .correct)
    }
    if first.numberValue != nil {
      return [.tokens(try reader.tokenIDs(elements, "prompt", vocabularySize: vocabularySize))]
    }
    var prompts: [Prompt] = []
    for (index, element) in elements.enumerated() {
      if let text = element.stringValue {
        prompts.append(.text(text))
      } else if let ids = element.arrayValue {
        prompts.append(
          .tokens(try reader.tokenIDs(ids, "prompt[\(index)]", vocabularySize: vocabularySize)))
      } else {
        throw reader.wrong(
          "prompt[\(index)]", expected: "a string or an array of token ids", found: element, advice: .correct)
      }
    }
    return prompts
  }
}
