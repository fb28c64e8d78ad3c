import QuireGeneration
import QuireGrammar
import QuireJSON
import QuireText

/// The body of OpenAI's Responses API, read as a chat request.
struct ResponsesRequest: Sendable {
  static let shape = RequestShape.object(
    GenerationFields.shape + ThinkingFields.shape + ResponsesTools.shape + [
      "reasoning": .members(ThinkingFields.reasoningNames + ["summary", "generate_summary"]),
      "input": ResponsesInput.shape,
      "text": .object([
        "format": .members(["type", "name", "description", "schema", "strict"]), "verbosity": .any,
      ]),
    ]
      + .any(["model", "instructions", "top_logprobs", "include", "store", "previous_response_id"])
      + .any(lengthNames) + .any(KnownFields.ignoredInResponses)
      + .any((KnownFields.neutral + KnownFields.neutralInResponses).map(\.name)))

  /// Names of the limit on the answer's length: this API's own, and those of chats.
  private static let lengthNames = ["max_output_tokens", "max_completion_tokens", "max_tokens", "n_predict"]

  /// What `include` may name. All but the log-probabilities belong to tools and images, which do not exist here, or to
  /// encrypted reasoning; here reasoning is plain text.
  static let logprobsName = "message.output_text.logprobs"
  static let includable = [
    logprobsName, "reasoning.encrypted_content", "file_search_call.results", "web_search_call.results",
    "web_search_call.action.sources", "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
  ]

  let chat: ChatRequest
  /// Whether the reasoning is given as its summary.
  let summarizesReasoning: Bool
  /// The functions by what the model calls them.
  let functionNames: [String: ResponsesFunctionName]
  /// Members of the request that the answer repeats.
  let repeated: JSONObject
  /// The conversation, including that of the response which the request continues.
  let items: [JSONValue]
  /// Whether the response is stored, if the server stores any.
  let isStored: Bool

  /// `earlier`: the items of the response that the request continues. Its instructions are not continued.
  init(
    _ reader: FieldReader, defaults: SamplingDefaults, thinking: ThinkingDefaults, vocabularySize: Int,
    earlier: [JSONValue] = []
  ) throws(ServingError) {
    try KnownFields.check(reader, also: KnownFields.neutralInResponses)
    let instructions = try reader.string("instructions")
    let fields = try ThinkingFields(reader)
    let mode = fields.mode ?? thinking.mode
    let tools = try ResponsesTools(reader)
    functionNames = tools.names
    let input = try ResponsesInput(reader, instructions: instructions, earlier: earlier)
    items = input.items
    isStored = try reader.bool("store") ?? true
    let prompt = ChatPromptFields(
      field: "input", messages: input.messages,
      tools: tools.fields, mode: mode, thinkingBudget: fields.budget.map(\.count) ?? thinking.budget,
      continuesFinalMessage: false, templateArguments: fields.templateArguments)
    var generation = try GenerationFields(
      reader, defaults: defaults.parameters(prompt.samplingMode(defaults.chatFormat)),
      vocabularySize: vocabularySize)
    generation.maximumTokens = try GenerationFields.maximumTokens(
      reader, atLeast: 1, names: Self.lengthNames)
    let (constraint, format) = try Self.format(reader)
    let logprobCount = try Self.logprobCount(reader)
    chat = ChatRequest(
      prompt: prompt, generation: generation, constraint: try prompt.tools.constraint(with: constraint),
      logprobCount: logprobCount, includesReasoning: try ThinkingFields.includesReasoning(reader))
    let summary = try reader.reasoningSummary()
    summarizesReasoning = summary != nil
    let effort: JSONValue = mode == .nonThinking ? "none" : try reader.effort() ?? .null
    let metadata = try Self.metadata(reader)
    repeated = [
      "instructions": instructions.map(JSONValue.string) ?? .null,
      "max_output_tokens": generation.maximumTokens.map(JSONValue.int) ?? .null, "max_tool_calls": .null,
      "metadata": metadata,
      "parallel_tool_calls": .bool(tools.fields.allowsParallelCalls),
      "previous_response_id": reader.value("previous_response_id") ?? .null,
      "reasoning": ["effort": effort, "summary": summary.map(JSONValue.string) ?? .null],
      "service_tier": "default",
      "temperature": .float(generation.sampling.temperature),
      "text": ["format": format],
      "tool_choice": tools.choice, "tools": .array(tools.definitions),
      "top_logprobs": .int(logprobCount ?? 0),
      "top_p": .float(generation.sampling.topP), "truncation": "disabled",
      "user": reader.value("user")?.stringValue.map { .string($0) } ?? .null,
    ]
  }

  /// What the client notes about the request. Each answer and several events repeat it, so it has OpenAI's limits.
  private static func metadata(_ reader: FieldReader) throws(ServingError) -> JSONValue {
    guard let value = reader.value("metadata"), value != .null else { return [:] }
    let isSmall =
      value.objectValue.map { object in
        object.members.count <= 16
          && object.members.allSatisfy {
            $0.key.unicodeScalars.count <= 64 && ($0.value.stringValue?.unicodeScalars.count ?? .max) <= 512
          }
      } ?? false
    guard isSmall else {
      throw reader.wrong(
        "metadata", expected: "at most 16 strings of at most 512 characters, with names of at most 64",
        found: value)
    }
    return value
  }

  private static func logprobCount(_ reader: FieldReader) throws(ServingError) -> Int? {
    let count = try reader.int("top_logprobs", in: 0...RequestLimits.logprobCountMaximum)
    var isIncluded = false
    for (index, value) in (try reader.array("include", of: "names") ?? []).enumerated() {
      guard let name = value.stringValue, includable.contains(name) else {
        throw reader.wrong(
          "include[\(index)]", expected: "a name such as \"\(logprobsName)\"", found: value)
      }
      if name == logprobsName { isIncluded = true }
    }
    if let count, count > 0 { return count }
    return isIncluded ? 0 : nil
  }

  /// The constraint that `text.format` asks for, and the format as the answer repeats it.
  private static func format(
    _ reader: FieldReader
  ) throws(ServingError) -> (AnswerConstraint?, JSONValue) {
    let text: JSONValue = ["type": "text"]
    guard let options = try reader.object("text") else { return (nil, text) }
    try options.require(
      "verbosity", isOneOf: ["medium"], because: "the length of an answer can be requested only in the prompt"
    )
    guard let format = try options.object("format") else { return (nil, text) }
    let value = JSONValue.object(format.object)
    switch try format.string("type") {
    case "text": return (nil, value)
    case "json_object":
      return (AnswerConstraint(field: "text.format", kind: .jsonObject, isResponseFormat: true), value)
    case "json_schema":
      let field = "text.format.schema"
      guard format.value("schema") != nil else {
        throw .rejected(.badField(field, "\(field): expected a JSON Schema, found none; send one"))
      }
      _ = try format.string("name")
      _ = try format.bool("strict")
      let kind = Constraint.Kind.jsonSchema(try format.schema("schema"))
      return (AnswerConstraint(field: field, kind: kind, isResponseFormat: true), value)
    default:
      throw format.wrong(
        "type", expected: "one of text, json_object, json_schema", found: format.value("type") ?? .null)
    }
  }
}

extension FieldReader {
  /// `reasoning.effort`, as the answer repeats it.
  fileprivate func effort() throws(ServingError) -> JSONValue? {
    guard value("reasoning")?.objectValue != nil else { return nil }
    return try object("reasoning")?.value("effort")
  }

  /// How `reasoning` asks for a summary; the second name is the field's older one. The whole reasoning is its most
  /// detailed summary, and the server writes no shorter one.
  fileprivate func reasoningSummary() throws(ServingError) -> String? {
    guard value("reasoning")?.objectValue != nil, let options = try object("reasoning") else { return nil }
    var summary: String?
    for name in ["generate_summary", "summary"] {
      try options.require(
        name, isOneOf: ["auto", "detailed"], because: "the summary of a reasoning is its whole text here")
      summary = try options.string(name) ?? summary
    }
    return summary
  }
}

extension KnownFields {
  /// Bookkeeping of OpenAI's API: accepted with any value and without effect. Prompts are never cut.
  package static let ignoredInResponses = [
    "metadata", "user", "service_tier", "safety_identifier", "prompt_cache_key",
    "prompt_cache_retention", "prompt_cache_options", "truncation",
  ]

  /// Fields of OpenAI's API with only one value, and those of chats that it has not.
  package static let neutralInResponses =
    [
      NeutralField(
        "conversation", [], "conversations are continued by 'previous_response_id'"),
      NeutralField("background", [false], "answers are given in reply to their request"),
      NeutralField("prompt", [], "prompts are not stored and 'instructions' and 'input' must have all text"),
      NeutralField("n", [1], "an answer of this API is one response"),
      NeutralField("max_tool_calls", [], "the server runs no tools"),
      NeutralField("messages", [], "the conversation is 'input'"),
      NeutralField("system", [""], "the system prompt is 'instructions'"),
      NeutralField("continue_final_message", [false], "an answer is a new message"),
      NeutralField("add_generation_prompt", [true], "an answer is a new message"),
    ]
    + chatConstraints(own: "text.format") + ofChatsAlone
    + logprobsOfChats(because: "'top_logprobs' and 'include' ask for log-probabilities")
    + neutralInChat.filter { $0.name != "system" }
}
