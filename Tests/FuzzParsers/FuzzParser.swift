import QuireGrammar

/// A parser of the product that reads what strangers wrote, as a function of bytes that must neither trap nor hang.
///
/// `tools/fuzz` runs each under libFuzzer; `CorpusTests` runs the inputs in Tests/Corpus in the ordinary tests.
package enum FuzzParser: String, CaseIterable, Sendable {
  case json
  case json5
  case recipe
  case configuration
  case generationConfiguration = "generation-configuration"
  case tokenizer
  case messages
  case answer
  case template
  case templateChat = "template-chat"
  case chatRequest = "chat-request"
  case completionRequest = "completion-request"
  case nativeRequest = "native-request"
  case messagesRequest = "messages-request"
  case responsesRequest = "responses-request"
  case shardIndex = "shard-index"
  case safetensors
  case quantization
  case statistics
  case gguf
  case pack
  case manifest
  case delta
  case journal
  case regex
  case grammar
  case schema

  /// Reads `input`. What the parser throws is as it should be; what it does not survive ends the process.
  package func run(_ input: [UInt8]) {
    switch self {
    case .json: JSONInputs.json(input)
    case .json5: JSONInputs.json5(input)
    case .recipe: JSONInputs.recipe(input)
    case .configuration: JSONInputs.configuration(input)
    case .generationConfiguration: RequestInputs.generationConfiguration(input)
    case .tokenizer: TextInputs.tokenizer(input)
    case .messages: TextInputs.messages(input)
    case .answer: TextInputs.answer(input)
    case .template: TemplateInputs.template(input)
    case .templateChat: TemplateChatInputs.chat(input)
    case .chatRequest: RequestInputs.chat(input)
    case .completionRequest: RequestInputs.completion(input)
    case .nativeRequest: RequestInputs.native(input)
    case .messagesRequest: RequestInputs.messages(input)
    case .responsesRequest: RequestInputs.responses(input)
    case .shardIndex: FileInputs.shardIndex(input)
    case .safetensors: FileInputs.safetensors(input)
    case .quantization: FileInputs.quantization(input)
    case .statistics: FileInputs.statistics(input)
    case .gguf: FileInputs.gguf(input)
    case .pack: PackInputs.pack(input)
    case .manifest: PackInputs.manifest(input)
    case .delta: PackInputs.delta(input)
    case .journal: PackInputs.journal(input)
    case .regex: GrammarInputs.run(.regex(String(decoding: input, as: UTF8.self)))
    case .grammar: GrammarInputs.run(.grammar(String(decoding: input, as: UTF8.self)))
    case .schema: GrammarInputs.schema(input)
    }
  }

  /// Words that the parser looks for, for the mutator to put in.
  package var words: [String] {
    switch self {
    case .json, .json5, .messages, .templateChat, .chatRequest, .completionRequest, .nativeRequest,
      .messagesRequest,
      .responsesRequest,
      .generationConfiguration:
      JSONInputs.words + RequestInputs.words
    case .recipe: JSONInputs.words + JSONInputs.recipeWords
    case .configuration: JSONInputs.configurationWords
    case .tokenizer: TextInputs.tokenizerWords
    case .answer: TextInputs.answerWords
    case .template: TemplateInputs.words
    case .shardIndex, .safetensors, .quantization, .statistics: FileInputs.words
    case .gguf: FileInputs.ggufWords
    case .pack, .manifest, .delta, .journal: PackInputs.words
    case .regex, .grammar: GrammarInputs.words
    case .schema: JSONInputs.words + GrammarInputs.schemaWords
    }
  }
}
