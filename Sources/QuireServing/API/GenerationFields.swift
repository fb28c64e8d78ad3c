import QuireGeneration
import QuireJSON
import QuireText

/// The fields that chat and text completions share: sampling, stop conditions and delivery.
struct GenerationFields: Sendable {
  static let shape: [String: RequestShape] =
    .any([
      "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty",
      "repeat_penalty", "repeat_last_n", "seed",
      "logit_bias", "stop", "stop_token_ids", "ignore_eos", "max_time", "n", "best_of", "stream",
      "cache_prompt", "timings_per_token", "return_progress",
    ]) + ["stream_options": .members(["include_usage", "continuous_usage_stats", "include_obfuscation"])]
    + TokenFields.shape

  var sampling: SamplingParameters
  /// `nil`: not given.
  var maximumTokens: Int?
  var stopStrings: [String] = []
  var stopTokenIDs: Set<Int32> = []
  var ignoresEndOfSequence = false
  /// Time limit of the answer in seconds; `nil` for none.
  var secondsMaximum: Double?
  /// Whether cached tokens of the prompt may be reused.
  var usesPrefixCache = true
  /// Answers per prompt.
  var choiceCount = 1
  var delivery = Delivery()
  var tokens: TokenFields

  /// How the answer is sent.
  struct Delivery: Sendable {
    var isStreamed = false
    /// A last event with the token counts.
    var includesUsage = false
    /// Token counts with every event.
    var repeatsUsage = false
    /// Timings with every event.
    var repeatsTimings = false
    /// Events about the progress of the prompt.
    var reportsProgress = false
  }

  static let maximumChoiceCount = 8

  /// - Parameters:
  ///   - defaults: Apply to fields that the request leaves out.
  ///   - vocabularySize: Bounds token ids.
  ///   - tokenizer: With one, `logit_bias` may name tokens by text.
  ///   - stopName: The name of the field with stop strings.
  ///   - choiceNames: The names of the number of answers.
  ///   - returnsTokenFields: Whether the reply has a place for what `TokenFields.returnedShape` asks for.
  init(
    _ reader: FieldReader, defaults: SamplingParameters, vocabularySize: Int, tokenizer: Tokenizer? = nil,
    stopName: String = "stop", choiceNames: [String] = ["n"], returnsTokenFields: Bool = false
  ) throws(ServingError) {
    sampling = try Self.sampling(reader, defaults: defaults)
    if sampling.hasPenalty {
      try reader.require("repeat_last_n", isOneOf: [-1], because: "penalties cover the whole text")
    }
    sampling.logitBias = try LogitBias.read(reader, vocabularySize: vocabularySize, tokenizer: tokenizer)
    stopStrings = try Self.stopStrings(reader, stopName)
    stopTokenIDs = Set(
      try reader.tokenIDs(
        reader.array("stop_token_ids", of: "token ids") ?? [], "stop_token_ids",
        vocabularySize: vocabularySize))
    ignoresEndOfSequence = try reader.bool("ignore_eos") ?? false
    secondsMaximum = try reader.number("max_time", in: .above(0, to: Float(RequestLimits.secondsMaximum)))
      .map(Double.init)
    usesPrefixCache = try reader.bool("cache_prompt") ?? true
    choiceCount = try Self.choiceCount(reader, choiceNames)
    try reader.require(
      "best_of", isOneOf: [.int(choiceCount)], because: "every answer asked for with 'n' is returned")
    delivery = try Self.delivery(reader)
    tokens = try TokenFields(
      reader, vocabularySize: vocabularySize, areReturned: returnsTokenFields)
  }

  private static func sampling(
    _ reader: FieldReader, defaults: SamplingParameters
  ) throws(ServingError) -> SamplingParameters {
    var sampling = defaults
    sampling.temperature = try reader.number("temperature", in: .from(0, to: 2)) ?? defaults.temperature
    sampling.topP = try reader.number("top_p", in: .above(0, to: 1)) ?? defaults.topP
    // Other servers turn top-k off with -1; this one and some others with 0.
    sampling.topK = max(0, try reader.int("top_k", in: -1...Int(Int32.max)) ?? defaults.topK)
    sampling.minP = try reader.number("min_p", in: .from(0, to: 1)) ?? defaults.minP
    sampling.presencePenalty =
      try reader.number("presence_penalty", in: .from(-2, to: 2)) ?? defaults.presencePenalty
    sampling.frequencyPenalty =
      try reader.number("frequency_penalty", in: .from(-2, to: 2)) ?? defaults.frequencyPenalty
    sampling.repetitionPenalty = try repetitionPenalty(reader) ?? defaults.repetitionPenalty
    sampling.seed = try reader.seed("seed")
    return sampling
  }

  /// llama.cpp's name for it is `repeat_penalty`.
  private static func repetitionPenalty(_ reader: FieldReader) throws(ServingError) -> Float? {
    let range = FieldRange(RequestLimits.repetitionPenalties)
    let penalty = try reader.number("repetition_penalty", in: range)
    let alias = try reader.number("repeat_penalty", in: range)
    if let penalty, let alias, penalty != alias {
      throw reader.differs("repeat_penalty", alias, from: "repetition_penalty", penalty)
    }
    return penalty ?? alias
  }

  /// Empty strings stop nothing and are dropped: clients send them for an empty line in their settings.
  private static func stopStrings(_ reader: FieldReader, _ name: String) throws(ServingError) -> [String] {
    guard let value = reader.value(name) else { return [] }
    let values = value.arrayValue ?? [value]
    let most = RequestLimits.stopStringCountMaximum
    let bytes = RequestLimits.stopStringBytesMaximum
    guard values.count <= most else {
      throw .rejected(
        .badField(name, "\(name): expected at most \(most) strings, found \(values.count); send fewer"))
    }
    var strings: [String] = []
    for value in values {
      guard let string = value.stringValue else {
        throw reader.wrong(name, expected: "a string or an array of strings", found: value)
      }
      guard string.utf8.count <= bytes else {
        throw .rejected(
          .badField(
            name,
            "\(name): expected strings of at most \(bytes) bytes, found one of \(string.utf8.count); shorten it"
          )
        )
      }
      if !string.isEmpty { strings.append(string) }
    }
    return strings
  }

  private static func choiceCount(_ reader: FieldReader, _ names: [String]) throws(ServingError) -> Int {
    var known: (name: String, count: Int)?
    for name in names {
      guard let count = try reader.int(name, in: 1...maximumChoiceCount) else { continue }
      if let known, known.count != count {
        throw reader.differs(name, count, from: known.name, known.count)
      }
      known = known ?? (name, count)
    }
    return known?.count ?? 1
  }

  private static func delivery(_ reader: FieldReader) throws(ServingError) -> Delivery {
    var delivery = Delivery()
    delivery.isStreamed = try reader.bool("stream") ?? false
    delivery.repeatsTimings = try reader.bool("timings_per_token") ?? false
    delivery.reportsProgress = try reader.bool("return_progress") ?? false
    // The options change only a stream.
    guard let options = try reader.object("stream_options") else { return delivery }
    delivery.includesUsage = try options.bool("include_usage") ?? false
    delivery.repeatsUsage = try options.bool("continuous_usage_stats") ?? false && delivery.includesUsage
    return delivery
  }

  /// The number of alternatives per token, which llama-server's clients ask for with `n_probs`; 0 there is none.
  ///
  /// - Parameters:
  ///   - count: The number that another field, called `name`, asks for.
  ///   - isOff: Whether `logprobs` is false.
  static func logprobCount(
    _ reader: FieldReader, _ name: String, _ count: Int?, isOff: Bool
  ) throws(ServingError) -> Int? {
    let field = "n_probs"
    let wanted = try reader.int(field, in: 0...RequestLimits.logprobCountMaximum) ?? 0
    guard wanted > 0 else { return count }
    if isOff {
      throw .rejected(
        .badField(
          field,
          "\(field): expected 0, because 'logprobs' is false, found \(wanted); leave out one of the two"))
    }
    if let count, count != wanted { throw reader.differs(field, wanted, from: name, count) }
    return wanted
  }

  /// Reads a limit on the answer's length under several names. `withoutAny` is the limit when none is given; a field
  /// that says "no limit" gives none.
  static func maximumTokens(
    _ reader: FieldReader, atLeast minimum: Int, names: [String], withoutAny standard: Int? = nil
  ) throws(ServingError) -> Int? {
    var found: (name: String, limit: Int)?
    for name in names {
      guard let limit = try reader.limit(name, atLeast: minimum) else { continue }
      if let found, found.limit != limit {
        throw reader.differs(name, limit, from: found.name, found.limit)
      }
      found = found ?? (name, limit)
    }
    if let found { return found.limit }
    return names.contains { reader.value($0) != nil } ? nil : standard
  }
}

extension SamplingParameters {
  fileprivate var hasPenalty: Bool {
    repetitionPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0
  }
}
