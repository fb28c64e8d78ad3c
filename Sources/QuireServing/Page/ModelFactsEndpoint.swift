import QuireGeneration
import QuireJSON
import QuireText

/// GET /quire/model: the model data that the page shows, with sampling defaults and evaluation.
enum ModelFactsEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    exchange.respond(.json(json(of: service), headers: [HTTPHeader("Cache-Control", "no-store")]))
  }

  private static func json(of service: Service) -> JSONValue {
    let facts = service.options.facts
    let chatFormat = service.tokenizer.chatFormat
    return [
      "id": .string(service.options.modelName),
      "kind": text(facts.kind?.rawValue),
      "max_model_len": .int(service.generator.contextLength),
      "chat": .bool(chatFormat.format != nil),
      "chat_format": .string(chatFormat.summary),
      "parameters": integer(facts.parameterCount),
      "weight_bytes": integer(facts.weightBytes),
      "file_bytes": integer(facts.fileBytes),
      "bits_per_weight": facts.bitsPerWeight.map { .double($0) } ?? .null,
      "recipe": facts.recipeName.map { ["name": .string($0), "text": text(facts.recipeText)] } ?? .null,
      "adapters": .array(facts.adapters),
      "steps": .array(facts.shownSteps),
      "report": facts.shownReport ?? .null,
      "sensitivity": facts.sensitivity ?? .null,
      "sampling": [
        "thinking": json(of: service.options.samplingDefaults.parameters(.thinking)),
        "non_thinking": json(of: service.options.samplingDefaults.parameters(.nonThinking)),
      ],
      "features": ["thinking_token_budget": .bool(limitsThoughts(service))],
    ]
  }

  /// Whether a budget has an effect: not where the model's answers have no thoughts, or none that are known.
  private static func limitsThoughts(_ service: Service) -> Bool {
    service.tokenizer.chatFormat.format?.answer.reasoning != nil
      && ChatRequest.obeys("thinking_token_budget")
  }

  private static func json(of sampling: SamplingParameters) -> JSONValue {
    [
      "temperature": .float(sampling.temperature), "top_p": .float(sampling.topP),
      "top_k": .int(sampling.topK), "min_p": .float(sampling.minP),
      "repetition_penalty": .float(sampling.repetitionPenalty),
    ]
  }

  private static func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
  private static func integer(_ value: Int?) -> JSONValue { value.map { .int($0) } ?? .null }
}

extension ChatRequest {
  /// Whether a field has an effect. Otherwise it is accepted only with the value that changes nothing.
  fileprivate static func obeys(_ field: String) -> Bool {
    guard case .object(let members) = shape, members[field] != nil else { return false }
    return !(KnownFields.neutral + KnownFields.neutralInChat).contains { $0.name == field }
  }
}
