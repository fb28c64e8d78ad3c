import QuireGeneration
import QuireJSON
import QuireText

/// GET /props: the server's settings, with llama-server's names.
enum PropertiesEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    exchange.respond(.json(json(of: service)))
  }

  private static func json(of service: Service) -> JSONValue {
    let defaults = GenerationSettings(sampling: service.options.samplingDefaults.parameters(.thinking))
    let name = JSONValue.string(service.options.modelName)
    return [
      "default_generation_settings": [
        "n_ctx": .int(service.generator.contextLength), "params": .object(defaults.numbers),
      ],
      "total_slots": .int(service.generator.slotCount), "model_alias": name,
      // Only the name: clients need not know the machine's folders.
      "model_path": name, "modalities": ["vision": false, "audio": false],
      "endpoint_slots": .bool(service.options.showsSlots), "endpoint_props": false, "endpoint_metrics": true,
      "chat_template": .string(chatTemplate(service.tokenizer)), "bos_token": "",
      "eos_token": .string(endOfSequence(service.tokenizer)),
      "build_info": .string("quire-\(service.options.version)"), "is_sleeping": false,
    ]
  }

  /// The model's own template, the one called "default" of several; empty without one.
  private static func chatTemplate(_ tokenizer: Tokenizer) -> String {
    let member = tokenizer.configuration?["chat_template"]
    if let text = member?.stringValue { return text }
    let named = member?.arrayValue?.first { $0["name"]?.stringValue == "default" }
    return named?["template"]?.stringValue ?? ""
  }

  private static func endOfSequence(_ tokenizer: Tokenizer) -> String {
    guard let id = tokenizer.endOfSequenceIDs.max() else { return "" }
    return TokenText.text(tokenizer.bytes(of: id))
  }
}

/// GET /slots: what runs at the moment, without text of requests or answers.
enum SlotsEndpoint {
  /// Asks for an error instead of the list while every slot is taken.
  static let failureName = "fail_on_no_slot"

  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    guard service.options.showsSlots else {
      throw .rejected(
        Rejection(
          status: 501,
          message:
            "expected a server that shows its slots, found one that was started with --no-slots; start it "
            + "without",
          kind: "not_supported_error", code: "not_supported",
          headers: [HTTPHeader("x-should-retry", "false")]))
    }
    let tasks = service.slots.tasks
    guard QueryFields(request).value(failureName) == nil || tasks.contains(where: { $0 == nil }) else {
      throw .rejected(
        .unavailable(
          "expected a free slot, found all \(tasks.count) taken; try again later", code: "no_free_slot",
          retryAfterSeconds: 1))
    }
    exchange.respond(
      .json(
        .array(tasks.enumerated().map { json(slot: $0, $1, service.generator) }),
        headers: [HTTPHeader("Cache-Control", "no-store")]))
  }

  private static func json(slot: Int, _ task: SlotBoard.Task?, _ generator: any TextGenerator) -> JSONValue {
    var members: JSONObject = [
      "id": .int(slot), "n_ctx": .int(generator.contextLength), "speculative": .bool(generator.drafts),
      "is_processing": .bool(task != nil),
    ]
    if let task {
      members["id_task"] = .int(task.number)
      members["n_prompt_tokens"] = .int(task.request.promptTokens.count)
      members["params"] = .object(GenerationSettings(task.request).numbers)
      members["next_token"] = [
        [
          "has_next_token": true, "has_new_line": .bool(task.hasLineFeed),
          "n_remain": .int(max(0, task.request.maximumTokens - task.generatedCount)),
          "n_decoded": .int(task.generatedCount),
        ]
      ]
    }
    return .object(members)
  }
}
