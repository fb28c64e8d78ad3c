import QuireGeneration
import QuireJSON

/// What chat and text completions have in common: how to choose tokens, when to stop, how to deliver.
struct GenerationFields: Sendable {
  var sampling: SamplingParameters
  /// `nil`: not given.
  var maximumTokens: Int?
  var stopStrings: [String] = []
  var stopTokenIDs: Set<Int32> = []
  var ignoresEndOfSequence = false
  /// Answers per prompt.
  var choiceCount = 1
  var delivery = Delivery()

  /// How the answer is sent.
  struct Delivery: Sendable {
    var isStreamed = false
    /// A last event with the token counts.
    var includesUsage = false
    /// Token counts with every event.
    var repeatsUsage = false
  }

  static let maximumChoiceCount = 8
  static let maximumStopStrings = 16
  static let maximumStopStringBytes = 1000

  /// `defaults` hold where the request says nothing. `vocabularySize` bounds token ids.
  init(
    _ reader: inout FieldReader, defaults: SamplingParameters, vocabularySize: Int
  ) throws(ServingError) {
    sampling = try Self.sampling(&reader, defaults: defaults, vocabularySize: vocabularySize)
    stopStrings = try Self.stopStrings(&reader)
    stopTokenIDs = Set(
      try Self.tokenIDs(
        reader.array("stop_token_ids", of: "token ids") ?? [], name: "stop_token_ids", in: reader,
        vocabularySize: vocabularySize))
    ignoresEndOfSequence = try reader.bool("ignore_eos") ?? false
    choiceCount = try reader.int("n", in: 1...Self.maximumChoiceCount) ?? 1
    try reader.require(
      "best_of", isOneOf: [.int(choiceCount)], because: "every answer asked for with 'n' is returned")
    delivery = try Self.delivery(&reader)
  }

  private static func sampling(
    _ reader: inout FieldReader, defaults: SamplingParameters, vocabularySize: Int
  ) throws(ServingError) -> SamplingParameters {
    var sampling = defaults
    sampling.temperature = try reader.number("temperature", in: .from(0, to: 2)) ?? defaults.temperature
    sampling.topP = try reader.number("top_p", in: .above(0, to: 1)) ?? defaults.topP
    // -1 turns it off in other servers, 0 in ours and some.
    sampling.topK = max(0, try reader.int("top_k", in: -1...Int(Int32.max)) ?? defaults.topK)
    sampling.minP = try reader.number("min_p", in: .from(0, to: 1)) ?? defaults.minP
    sampling.presencePenalty =
      try reader.number("presence_penalty", in: .from(-2, to: 2)) ?? defaults.presencePenalty
    sampling.frequencyPenalty =
      try reader.number("frequency_penalty", in: .from(-2, to: 2)) ?? defaults.frequencyPenalty
    sampling.repetitionPenalty =
      try reader.number("repetition_penalty", in: .above(0, to: 2)) ?? defaults.repetitionPenalty
    sampling.seed = try reader.int("seed", in: .min ... .max).map { UInt64(bitPattern: Int64($0)) }
    sampling.logitBias = try logitBias(&reader, vocabularySize: vocabularySize)
    return sampling
  }

  private static func logitBias(
    _ reader: inout FieldReader, vocabularySize: Int
  ) throws(ServingError) -> [Int32: Float] {
    guard var members = try reader.object("logit_bias") else { return [:] }
    var bias: [Int32: Float] = [:]
    for member in members.object.members {
      guard let id = Int32(member.key), (0..<Int32(vocabularySize)).contains(id) else {
        throw .rejected(
          .badField(
            "logit_bias",
            "Keys of 'logit_bias' are token ids from 0 to \(vocabularySize - 1), but one is "
              + "'\(FieldReader.shortened(member.key))': correct it."))
      }
      bias[id] = try members.number(member.key, in: .from(-100, to: 100)) ?? 0
    }
    return bias
  }

  private static func stopStrings(_ reader: inout FieldReader) throws(ServingError) -> [String] {
    guard let value = reader.value("stop") else { return [] }
    let values = value.arrayValue ?? [value]
    let strings = values.compactMap(\.stringValue)
    guard strings.count == values.count, strings.count <= maximumStopStrings else {
      throw .rejected(
        .badField(
          "stop",
          "'stop' must be a string or an array of at most \(maximumStopStrings) strings, but is "
            + (strings.count == values.count
              ? "an array of \(strings.count)" : FieldReader.found(value)) + ": correct it or leave it out."))
    }
    for string in strings where string.isEmpty || string.utf8.count > maximumStopStringBytes {
      throw .rejected(
        .badField(
          "stop",
          "A stop string has 1 to \(maximumStopStringBytes) bytes, but one has \(string.utf8.count): "
            + "correct it or leave it out."))
    }
    return strings
  }

  /// Token ids of an array, each inside the vocabulary.
  static func tokenIDs(
    _ values: [JSONValue], name: String, in reader: FieldReader, vocabularySize: Int
  ) throws(ServingError) -> [Int32] {
    var ids: [Int32] = []
    ids.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      guard let id = value.intValue, (0..<vocabularySize).contains(id) else {
        throw reader.wrong(
          "\(name)[\(index)]", expected: "a token id from 0 to \(vocabularySize - 1)", found: value,
          advice: .correct)
      }
      ids.append(Int32(id))
    }
    return ids
  }

  private static func delivery(_ reader: inout FieldReader) throws(ServingError) -> Delivery {
    var delivery = Delivery()
    delivery.isStreamed = try reader.bool("stream") ?? false
    guard var options = try reader.object("stream_options") else { return delivery }
    guard delivery.isStreamed else {
      throw .rejected(
        .badField(
          "stream_options",
          "'stream_options' goes with 'stream': true, but 'stream' is not true: leave one out or add the other."
        ))
    }
    delivery.includesUsage = try options.bool("include_usage") ?? false
    delivery.repeatsUsage = try options.bool("continuous_usage_stats") ?? false
    options.ignore(["include_obfuscation"])
    try options.refuseUnknown()
    return delivery
  }

  /// Reads a limit on the answer's length under one or two names.
  static func maximumTokens(
    _ reader: inout FieldReader, atLeast minimum: Int, names: [String]
  ) throws(ServingError) -> Int? {
    var limit: Int?
    for name in names {
      guard let value = try reader.int(name, in: minimum ... .max) else { continue }
      if let limit, limit != value {
        throw .rejected(
          .badField(
            name,
            "'\(names[0])' is \(limit) and '\(name)' is \(value), but they mean the same: send one of them."))
      }
      limit = value
    }
    return limit
  }
}
