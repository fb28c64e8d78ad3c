import QuireGeneration
import QuireJSON
import QuireText

/// A request to `/completion`, llama-server's own interface, every field read and checked.
struct NativeCompletionRequest: Sendable {
  static let shape = RequestShape.object(
    KnownFields.completionShape + GenerationFields.shape + ConstraintFields.shape
      + .any(["model", "prompt"] + own + withoutEffect + lengthNames))

  /// Fields that `/v1/completions` reads in another way or not at all.
  static let own = [
    "n_cmpl", "n_probs", "post_sampling_probs", "response_fields",
    "return_tokens", "samplers", "t_max_predict_ms",
  ]

  /// Fields that change nothing here: they belong to slots, to a cache or context that is shifted, or to samplers that
  /// are off.
  static let withoutEffect = [
    "id_slot", "n_keep", "n_discard", "n_cache_reuse", "dynatemp_exponent", "xtc_threshold", "mirostat_tau",
    "mirostat_eta", "dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers",
  ]

  private static let lengthNames = ["n_predict", "max_tokens"]

  let prompts: [NativePrompt]
  let generation: GenerationFields
  let constraint: AnswerConstraint?
  /// Alternatives per token; 0: no probabilities.
  let probabilityCount: Int
  /// Whether probabilities are those after all samplers.
  let probabilitiesAreSampled: Bool
  let returnsTokens: Bool
  /// Paths of the members of the answer that are returned; empty for all.
  let responseFields: [String]
  /// Time limit from the first token on, in seconds.
  let decodeSecondsMaximum: Double?
  /// Whether only the prompt is computed, so that a later request finds it in the cache.
  var onlyComputesPrompt: Bool { generation.maximumTokens == 0 }

  init(
    _ reader: FieldReader, defaults: SamplingDefaults, tokenizer: Tokenizer, maximumChoices: Int
  ) throws(ServingError) {
    prompts = try NativePrompt.read(reader, vocabularySize: tokenizer.vocabularySize)
    generation = try Self.generation(reader, defaults: defaults, tokenizer: tokenizer)
    constraint = try ConstraintFields.read(reader)
    probabilityCount = try reader.int("n_probs", in: 0...RequestLimits.logprobCountMaximum) ?? 0
    probabilitiesAreSampled = try reader.bool("post_sampling_probs") ?? false
    returnsTokens = try reader.bool("return_tokens") ?? false
    responseFields = try Self.responseFields(reader)
    decodeSecondsMaximum = try Self.decodeSecondsMaximum(reader)
    try Self.checkSamplers(reader)
    try generation.checkChoices(promptCount: prompts.count, atMost: maximumChoices)
    try KnownFields.check(reader, also: KnownFields.neutralInCompletions, except: Set(Self.own))
  }

  private static func generation(
    _ reader: FieldReader, defaults: SamplingDefaults, tokenizer: Tokenizer
  ) throws(ServingError) -> GenerationFields {
    var fields = try GenerationFields(
      reader, defaults: defaults.parameters(.thinking), vocabularySize: tokenizer.vocabularySize,
      tokenizer: tokenizer, choiceNames: ["n", "n_cmpl"])
    // llama-server's two ways to ask for a fresh seed.
    if fields.sampling.seed == .max || fields.sampling.seed == GenerationSettings.randomSeed {
      fields.sampling.seed = nil
    }
    fields.maximumTokens = try GenerationFields.maximumTokens(reader, atLeast: 0, names: lengthNames)
    return fields
  }

  /// Milliseconds; 0 and −1 are no limit.
  private static func decodeSecondsMaximum(_ reader: FieldReader) throws(ServingError) -> Double? {
    let milliseconds = try reader.int("t_max_predict_ms", in: -1...1_000_000_000) ?? 0
    return milliseconds > 0 ? Double(milliseconds) / 1000 : nil
  }

  private static func responseFields(_ reader: FieldReader) throws(ServingError) -> [String] {
    let name = "response_fields"
    let most = 100
    let values = try reader.array(name, of: "names") ?? []
    guard values.count <= most else {
      throw .rejected(
        .badField(name, "\(name): expected at most \(most) names, found \(values.count); send fewer"))
    }
    var names: [String] = []
    for value in values {
      guard let text = value.stringValue else {
        throw reader.wrong(name, expected: "an array of names", found: value)
      }
      names.append(text)
    }
    return names
  }

  /// The orders of samplers that clients send as llama-server's default, and this server's own.
  private static let knownOrders = [
    [], GenerationSettings.samplers,
    ["dry", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
    ["penalties", "dry", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
    ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
  ]

  private static func checkSamplers(_ reader: FieldReader) throws(ServingError) {
    let name = "samplers"
    guard let value = reader.value(name) else { return }
    let order = value.arrayValue?.map { $0.stringValue == "typical_p" ? "typ_p" : $0.stringValue }
    guard let order, knownOrders.contains(order.compactMap(\.self)), !order.contains(nil) else {
      throw reader.wrong(
        name, expected: "the default order, because the order of samplers cannot be changed", found: value)
    }
  }
}
