import QuireGeneration
import QuireGrammar
import QuireJSON

/// Reads the body of Anthropic's Messages API as a chat request.
enum MessagesRequest {
  static let shape: RequestShape = {
    var generation = GenerationFields.shape
    generation["stop"] = nil
    return .object(
      MessagesPrompt.shape + generation + [
        "output_config": .object(["format": formatShape]), "output_format": formatShape,
      ] + .any(["model", "max_tokens", "stop_sequences"]) + .any(KnownFields.ignoredInMessages)
        + .any((KnownFields.neutral + KnownFields.neutralInMessages).map(\.name))
        + .any(ChatMeaning.names + ["thread"]))
  }()

  private static let formatShape = RequestShape.members(["type", "schema"])

  /// - Parameter needsLimit: Whether the request must have `max_tokens`.
  static func chat(
    _ reader: FieldReader, defaults: SamplingDefaults, thinking: ThinkingDefaults, vocabularySize: Int,
    needsLimit: Bool = true
  ) throws(ServingError) -> ChatRequest {
    try refuseThread(reader)
    try KnownFields.check(reader, also: KnownFields.neutralInMessages)
    let prompt = try MessagesPrompt.read(reader, thinking: thinking)
    let includesReasoning = try MessagesPrompt.includesReasoning(reader)
    var generation = try GenerationFields(
      reader, defaults: defaults.parameters(prompt.samplingMode(defaults.chatFormat)),
      vocabularySize: vocabularySize,
      stopName: "stop_sequences")
    guard !needsLimit || reader.value("max_tokens") != nil else {
      throw .rejected(
        .badField("max_tokens", "max_tokens: expected an integer of 1 or more, found none; send one"))
    }
    generation.maximumTokens = try reader.int("max_tokens", in: 1...Int.max)
    let meaning = ChatMeaning(prompt, includesReasoning: includesReasoning, limit: generation.maximumTokens)
    for field in meaning.fields {
      try reader.require(field.name, isOneOf: field.values, because: field.reason)
    }
    return ChatRequest(
      prompt: prompt, generation: generation,
      constraint: try prompt.tools.constraint(with: try format(reader)), logprobCount: nil,
      includesReasoning: includesReasoning)
  }

  /// Conversations that the server keeps. Anthropic's client sends this field by itself and, after the code of this refusal,
  /// whole conversations without it.
  private static func refuseThread(_ reader: FieldReader) throws(ServingError) {
    guard let thread = reader.value("thread") else { return }
    throw .rejected(
      .badField(
        "thread",
        "thread: expected no such field, because the server keeps no conversations, found \(Found.value(thread)); send all "
          + "messages with each request",
        code: ErrorFormat.threadCode))
  }

  /// The schema of the answer, in the API's present field or in its older one.
  private static func format(_ reader: FieldReader) throws(ServingError) -> AnswerConstraint? {
    let present = try format(reader.object("output_config")?.object("format"))
    let older = try format(reader.object("output_format"))
    if let present, let older, present.kind != older.kind {
      throw .rejected(
        .badField(
          "output_format",
          "output_format: expected the format of 'output_config.format', which means the same, found another one; "
            + "send one of the two"))
    }
    return present ?? older
  }

  private static func format(_ format: FieldReader?) throws(ServingError) -> AnswerConstraint? {
    guard let format else { return nil }
    guard let type = format.value("type"), type.stringValue == "json_schema" else {
      throw format.wrong("type", expected: "\"json_schema\"", found: format.value("type") ?? .null)
    }
    guard format.value("schema") != nil else {
      let field = format.prefix + "schema"
      throw .rejected(.badField(field, "\(field): expected a JSON Schema, found none; send one"))
    }
    return AnswerConstraint(
      field: format.prefix + "schema", kind: .jsonSchema(try format.schema("schema")), isResponseFormat: true)
  }
}

extension KnownFields {
  /// Bookkeeping of Anthropic's API, and hints about caching: accepted with any value and without effect. The server
  /// caches by itself.
  package static let ignoredInMessages = [
    "metadata", "service_tier", "cache_control", "inference_geo", "user_profile_id",
  ]

  /// Fields of Anthropic's API with only one value, and those of chats that it has not.
  package static let neutralInMessages =
    [
      NeutralField("container", [], "the server runs no code"),
      NeutralField("mcp_servers", [[]], "the server calls no other servers"),
      NeutralField("compaction", [], "the server does not shorten conversations"),
      NeutralField("n", [1], "an answer of this API is one message"),
      NeutralField("stop", ["", [], [""]], "the field's name here is 'stop_sequences'"),
    ]
    + chatConstraints(own: "output_config.format") + ofChatsAlone
    + logprobsOfChats(["top_logprobs"], because: "an answer of this API has no log-probabilities")
    + neutralInChat.filter { $0.name != "system" }
}
