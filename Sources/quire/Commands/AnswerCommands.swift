import Foundation
import QuireGeneration
import QuireJSON
import QuireText

extension Command {
  private static let samplingOptions: [Option] = [
    .maximumTokens, .temperature, .topP, .topK, .minP, .seed, .context, .cacheType, .noLookup, .threads,
  ]

  static let generate = Command(
    name: "generate",
    summary: "Answers one prompt and streams the answer; the thought is shown dim and apart.",
    positionals: ["MODEL"],
    options: [
      Option("--prompt", "TEXT", "what the user says; - reads stdin"), .system,
      Option("--raw", nil, "continue the text as it is, without the chat template"), .thinking, .noThinking,
      .json, .quiet,
    ] + samplingOptions,
    example: #"quire generate demo.quire --prompt "What is 347+285?" --no-thinking --seed 1"#,
    run: runGenerate)

  static let chat = Command(
    name: "chat",
    summary: "Talks with a model in the terminal; /help lists what can be typed besides text.",
    positionals: ["MODEL"],
    options: [.system, .thinking, .noThinking, .quiet] + samplingOptions,
    example: "quire chat demo.quire",
    run: runChat)
}

private func runGenerate(_ arguments: Arguments) throws {
  let given = try arguments.required("--prompt")
  let prompt = given == "-" ? String(decoding: try inputData("-"), as: UTF8.self) : given
  let mode = try arguments.mode()
  let conversation = try Conversation(arguments)
  defer { conversation.engine.stop() }
  let isRaw = arguments.has("--raw")
  let system = arguments.string("--system").map { [ChatMessage(role: .system, content: $0)] } ?? []
  let tokens =
    isRaw
    ? conversation.opened.tokenizer.encode(prompt, addedTokens: .recognized)
    : try conversation.tokens(system + [ChatMessage(role: .user, content: prompt)], mode)
  let printer = AnswerPrinter(silent: arguments.has("--json"))
  let result = try conversation.answer(tokens, mode, splitsThinking: !isRaw, printer: printer)
  if arguments.has("--json") {
    Terminal.outputLine(json(printer, result).serialized())
  } else if !arguments.has("--quiet") {
    Terminal.errorLine(result.account)
  }
}

private func json(_ printer: AnswerPrinter, _ result: GenerationResult) -> JSONValue {
  [
    "reasoningContent": .string(printer.reasoning), "content": .string(printer.content),
    "finishReason": .string(result.reason == .length ? "length" : "stop"),
    "promptTokens": .int(result.promptTokens), "completionTokens": .int(result.completionTokens),
    "reasoningTokens": .int(result.reasoningTokens),
    "prefillSeconds": .double(result.timings.prefillSeconds),
    "decodeSeconds": .double(result.timings.decodeSeconds),
  ]
}

private func runChat(_ arguments: Arguments) throws {
  var mode = try arguments.mode()
  let conversation = try Conversation(arguments)
  defer { conversation.engine.stop() }
  let start = arguments.string("--system").map { [ChatMessage(role: .system, content: $0)] } ?? []
  var messages = start
  let isQuiet = arguments.has("--quiet")
  if !isQuiet {
    Terminal.errorLine(
      "\(conversation.opened.name), \(mode == .thinking ? "thinking" : "non-thinking"), context \(conversation.contextLength) tokens; /help lists commands"
    )
  }
  while true {
    if Terminal.inputIsTerminal { Terminal.output("> ") }
    guard let line = readLine() else { return }
    switch line.trimmingCharacters(in: .whitespaces) {
    case "": continue
    case "/exit", "/quit": return
    case "/clear": messages = start
    case "/thinking": mode = .thinking
    case "/no-thinking": mode = .nonThinking
    case "/help":
      Terminal.errorLine(
        "/thinking and /no-thinking switch the mode, /clear forgets the conversation, /exit leaves")
    default:
      let turn = messages + [ChatMessage(role: .user, content: line)]
      let tokens = try conversation.tokens(turn, mode)
      guard tokens.count < conversation.contextLength else {
        Terminal.errorLine(
          "the conversation would have \(tokens.count) tokens, the context holds \(conversation.contextLength); /clear forgets it"
        )
        continue
      }
      let printer = AnswerPrinter(silent: false)
      let result = try conversation.answer(
        tokens, mode, splitsThinking: true, printer: printer)
      messages = turn + [ChatMessage(role: .assistant, content: printer.content)]
      if !isQuiet { Terminal.errorLine(result.account) }
    }
  }
}
