import QuireJSON
import QuireText

/// GET /v1/models, /v1/models/{id}
enum ModelEndpoints {
  /// How Anthropic's clients ask for a part of the list.
  static let pageNames: Set<String> = ["limit", "after_id", "before_id"]

  static func list(_ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service) throws(ServingError)
  {
    let query = QueryFields(request)
    _ = try query.int("limit", in: 1...1000)
    // Before and after the only model there is nothing.
    let isListed = query.value("after_id") == nil && query.value("before_id") == nil
    let name = isListed ? JSONValue.string(service.options.modelName) : .null
    exchange.respond(
      .json([
        "object": "list", "data": .array(isListed ? [description(of: service)] : []), "has_more": false,
        "first_id": name, "last_id": name,
      ]))
  }

  static func describe(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let escaped = Router.plainPath(request.path).dropFirst(Router.modelPrefix.count)
    let name = PercentEncoding.decoded(String(escaped))
    guard service.options.accepts(model: name) else {
      throw .rejected(.unknownModel(name, served: service.options.modelName))
    }
    exchange.respond(.json(description(of: service)))
  }

  private static func description(of service: Service) -> JSONValue {
    var members: JSONObject = [
      "id": .string(service.options.modelName),
      "aliases": .array(([service.options.modelName] + service.options.modelAliases).map { .string($0) }),
      "object": "model", "created": .int(service.created),
      "owned_by": "quire", "root": .string(service.options.modelName), "parent": .null,
      "max_model_len": .int(service.generator.contextLength), "meta": metadata(of: service),
      // Anthropic's members.
      "type": "model", "display_name": .string(service.options.modelName),
      "created_at": .string(UTCTime(secondsSince1970: service.created).description),
    ]
    members["evaluation"] = service.options.facts.evaluation
    let adapters = service.options.facts.adapters
    if !adapters.isEmpty { members["adapters"] = .array(adapters) }
    return .object(members)
  }

  /// What llama-server's clients read about a model. A vocabulary of type 2 is a byte pair encoding.
  private static func metadata(of service: Service) -> JSONValue {
    let facts = service.options.facts
    var members: JSONObject = [
      "vocab_type": 2, "n_vocab": .int(service.tokenizer.vocabularySize),
      "n_ctx": .int(service.generator.contextLength),
    ]
    let known = [
      ("n_ctx_train", facts.contextPositions), ("n_embd", facts.hiddenSize),
      ("n_params", facts.parameterCount), ("size", facts.weightBytes),
    ]
    for (name, value) in known { members[name] = value.map { .int($0) } }
    return .object(members)
  }
}

/// GET /version
enum VersionEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    exchange.respond(.json(["version": .string(service.options.version)]))
  }
}

/// GET /health and /ping: 200 while requests are accepted, 503 while draining.
enum HealthEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let isDraining = service.isDraining
    exchange.respond(.json(["status": isDraining ? "draining" : "ok"], status: isDraining ? 503 : 200))
  }
}

/// POST /tokenize, /detokenize; GET /tokenizer_info
enum TokenEndpoints {
  /// What `/tokenize` turns into tokens, by the member of the request that holds it.
  private enum TokenizedKind: String, CaseIterable {
    case content, prompt, messages

    /// Members of the other kinds have no effect.
    var shape: RequestShape {
      switch self {
      case .content: .members(["model", rawValue] + NativeTokenizeFields.names)
      case .prompt: .members(["model", rawValue, "return_token_strs", "add_special_tokens"])
      case .messages: .object(ChatPromptFields.shape + .any(["model", "return_token_strs"]))
      }
    }
  }

  private static let detokenizeShape = RequestShape.members(["model", "tokens"])

  /// Takes a text, as `prompt` or `content`, or the fields of a chat, and gives the token ids.
  static func tokenize(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let object = try request.object()
    let kinds = TokenizedKind.allCases.filter { object[$0.rawValue]?.isNull == false }
    guard let kind = kinds.first else {
      throw .rejected(
        .badField("prompt", "prompt: expected a text, or a conversation as 'messages', found none; send one"))
    }
    guard kinds.count == 1 else {
      throw .rejected(
        .badField(
          kind.rawValue,
          "\(kind.rawValue): expected none next to '\(kinds[1].rawValue)', found one; send one of the two"))
    }
    let fields = request.fields(of: object, kind.shape, exchange, service)
    try fields.checkModel(service)
    switch kind {
    case .content: exchange.respond(.json(try NativeTokenizeFields(fields).answer(service)))
    case .prompt, .messages: exchange.respond(.json(try answer(kind, fields, service)))
    }
  }

  private static func answer(
    _ kind: TokenizedKind, _ fields: FieldReader, _ service: Service
  ) throws(ServingError) -> JSONValue {
    let tokens: [Int32]
    if kind == .messages {
      tokens = try ChatPromptFields(fields, thinking: service.options.thinking).tokens(
        service.tokenizer, service.chatFormat(), limit: service.textLimit)
    } else {
      let prompt = try fields.string("prompt") ?? ""
      try service.textLimit.check(prompt.utf8.count, field: "prompt")
      tokens =
        try fields.bool("add_special_tokens") ?? true
        ? service.tokenizer.encodeDocument(prompt) : service.tokenizer.encode(prompt)
    }
    let includesStrings = try fields.bool("return_token_strs") ?? false
    return [
      "count": .int(tokens.count), "max_model_len": .int(service.generator.contextLength),
      "tokens": .array(tokens.map { .int($0) }),
      "token_strs": includesStrings ? tokenStrings(tokens, service.tokenizer) : .null,
    ]
  }

  private static func tokenStrings(_ tokens: [Int32], _ tokenizer: Tokenizer) -> JSONValue {
    .array(tokens.map { .string(TokenText.text(tokenizer.bytes(of: $0))) })
  }

  /// Takes `tokens` and gives their text as `prompt`.
  static func detokenize(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let fields = try request.readFields(detokenizeShape, exchange)
    try fields.checkModel(service)
    guard let values = try fields.array("tokens", of: "token ids", advice: .correct) else {
      throw .rejected(.badField("tokens", "tokens: expected an array of token ids, found none; send one"))
    }
    let tokens = try fields.tokenIDs(values, "tokens", vocabularySize: service.tokenizer.vocabularySize)
    // A few ids can decode to a long text.
    let byteCount = tokens.reduce(0) { $0 + service.tokenizer.bytes(of: $1).count }
    try service.textLimit.check(byteCount, field: "tokens")
    let text = String(decoding: service.tokenizer.decode(tokens), as: UTF8.self)
    exchange.respond(.json(["prompt": .string(text), "content": .string(text)]))
  }
}

extension TokenEndpoints {
  /// The model's tokenizer_config.json, from which evaluation harnesses take template and special tokens.
  static func describe(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let tokenizer = service.tokenizer
    var members = tokenizer.configuration?.objectValue ?? [:]
    if members["eos_token"]?.stringValue == nil, let id = tokenizer.endOfSequenceIDs.max() {
      members["eos_token"] = .string(TokenText.text(tokenizer.bytes(of: id)))
    }
    exchange.respond(.json(.object(members)))
  }
}

/// Percent escapes of paths.
enum PercentEncoding {
  /// The text with its escapes resolved, or as it is if that is not possible.
  static func decoded(_ text: String) -> String { decode(text) ?? text }

  /// The text with its escapes resolved; `nil` when one is malformed or the bytes are no UTF-8.
  static func decode(_ text: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, rest.prefix(2).allSatisfy({ isHexadecimal($0) }),
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest.removeFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte | 0x20
  }
}
