import Foundation
import QuireGeneration
import QuireJSON
import QuireText

extension Command {
  static let samplingOptions: [Option] = [
    .thinkingBudget, .maximumTokens, .temperature, .topP, .topK, .minP, .seed, .context, .cacheType,
    .draft, .noLookup, .adapter, .chatFormat, .reasoningTags, .toolFormat, .threads,
  ]

  static let generate = Command(
    name: "generate",
    summary:
      "Answers one prompt and streams the answer. On a terminal the reasoning is dim; in a pipe it goes to stderr.",
    positionals: ["MODEL", "[PROMPT]"],
    options: [
      Option(
        "--prompt", "TEXT",
        "what the user says, instead of PROMPT; - reads stdin, without a line feed at its end", short: "-p"),
      .system,
      Option("--raw", nil, "continue the text itself, without the chat template"), .thinking, .noThinking,
      .json, .parent,
      Option("--quiet", nil, "no progress and no speed on stderr, and in a pipe no reasoning"),
    ] + samplingOptions,
    example: #"quire generate demo.quire "What is 347+285?" --no-thinking --seed 1"#,
    run: runGenerate)
}

private func runGenerate(_ arguments: Arguments) throws {
  let given = try prompt(arguments)
  if given == "-", arguments.positionals[0] == "-" { _ = try arguments.modelSource() }
  let isRaw = arguments.has("--raw")
  let prompt = given == "-" ? try standardInput(isRaw: isRaw) : given
  let mode = try arguments.mode()
  for option in ["--system", "--thinking-budget", "--thinking", "--no-thinking"]
  where isRaw && arguments.has(option) {
    throw UsageError(
      arguments.command,
      "expected --raw or \(option), found both: a raw text has no chat template; leave one out")
  }
  guard mode == .thinking || !arguments.has("--thinking-budget") else {
    throw UsageError(
      arguments.command, "expected --thinking-budget or --no-thinking, found both; leave one out")
  }
  // The template would make a prompt of an empty message, which is most likely a pipe that brought nothing.
  guard isRaw || !prompt.allSatisfy(\.isWhitespace) else {
    throw CommandError("expected a prompt, found no text in it; say what the model should answer")
  }
  let conversation = try Conversation(arguments, needsChats: !isRaw)
  defer { conversation.engine.stop() }
  if !isRaw { conversation.noteFixedMode(arguments) }
  let system = arguments.string("--system").map { [ChatMessage(role: .system, content: $0)] } ?? []
  let messages = isRaw ? [] : system + [ChatMessage(role: .user, content: prompt)]
  let tokens =
    isRaw
    ? conversation.opened.tokenizer.encodeDocument(prompt)
    : try conversation.tokens(messages, mode)
  let printer = AnswerPrinter(
    arguments.has("--json") ? .silent : .shown(showsThought: !arguments.has("--quiet")))
  let budget = conversation.thinkingBudget
  let result = try conversation.answer(
    tokens, conversation.sampling(messages, mode, budget: budget), budget: budget, isRaw: isRaw,
    printer: printer)
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

/// The text on stdin. A chat's message has no line feed at its end, which `echo` and editors add; a raw text is whole.
private func standardInput(isRaw: Bool) throws -> String {
  let text = try StandardInput.text()
  return isRaw || text.last?.isNewline != true ? text : String(text.dropLast())
}

/// The prompt, given as a positional or as an option.
private func prompt(_ arguments: Arguments) throws -> String {
  let words = arguments.positionals.dropFirst()
  guard let word = words.first else { return try arguments.required("--prompt") }
  guard !arguments.has("--prompt") else {
    throw UsageError("generate", "expected one prompt, found both PROMPT and --prompt; leave one of them out")
  }
  return word
}
