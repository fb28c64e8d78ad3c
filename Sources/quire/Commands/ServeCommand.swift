import QuireFiles
import Foundation
import QuireEvaluation
import QuireGeneration
import QuireModel
import QuireModelFiles
import QuirePacks
import QuireServing
import QuireTensors
import QuireText

extension Command {
  static let serve = Command(
    name: "serve",
    summary: "Serves a model over HTTP with OpenAI's API and continuous batching.",
    positionals: ["MODEL"],
    options: [
      Option(
        "--host", "ADDRESS",
        "address to listen on (default: 127.0.0.1, this machine only); 0.0.0.0 for every network"),
      Option("--port", "N", "port to listen on; 0 selects a free one (default: 8080)"),
      Option("--model-name", "NAME", "name of the model for clients (default: the file's name)"),
      Option("--model-alias", "NAME", "further name of the model", isRepeatable: true),
      Option(
        "--any-model", nil,
        "answer requests for a model of any name, for clients whose model name is fixed"),
      Option(
        "--allow-origin", "ORIGIN",
        "further web pages that may use the server, such as https://chat.example.org, "
          + "'vscode-webview://*' or null; '*' for all", isRepeatable: true),
      Option(
        "--allow-host", "NAME",
        "further host names that requests may use for the server; '*' for all", isRepeatable: true),
      Option(
        "--api-key-file", "FILE",
        "clients must send a key of this file: one per line, # for comments; also the environment variable "
          + "QUIRE_API_KEY", isRepeatable: true),
      Option(
        "--api-key", "KEY",
        "clients must send this key; other users of this machine can see it in the list of processes",
        isRepeatable: true),
      Option("--slots", "N", "requests that run at the same time (default: 16)"),
      Option("--queue", "N", "requests that may wait; more get 429 (default: 256)"),
      Option("--token-budget", "N", "tokens computed in one step (default: 512)"),
      Option(
        "--kv-memory", "MIB",
        "maximum memory for keys and values, in MiB (default: half of the free memory, at least 2048)"),
      Option(
        "--thinking", "MODE",
        "on (default), off, or a number: the most tokens of reasoning; for chats that do not say it themselves"
      ),
      Option(
        "--answer-reserve", "N",
        "tokens of an answer's limit that reasoning leaves for the answer, at most a quarter of it (default: \(ThinkingDefaults.standardAnswerReserve)); 0 lets reasoning fill the limit"
      ),
      Option(
        "--thinking-close-message", "TEXT",
        "what the server writes at the end of reasoning that is too long (default: Qwen's own sentence)"),
      Option(
        "--response-memory", "MIB",
        "memory for responses that clients continue by their id, in MiB (default: 64); 0 stores none"),
      Option("--report", "FILE", "a report of 'evaluate --json' that the page at / shows"),
      Option("--drain-seconds", "N", "how long SIGTERM waits for running requests (default: 30)"),
      Option("--no-request-log", nil, "no line on stderr for each request"),
      Option(
        "--log-bodies", "N",
        "also log up to N bytes of the body of each POST request and of its answer: prompts and answers are then in "
          + "the log"),
      Option("--no-page", nil, "no chat page at /"),
      Option("--no-slots", nil, "do not show running requests at /slots"),
      .adapter, .parent, .config, .context, .cacheType, .draft, .noLookup, .noPrefixCache,
      .chatFormat,
      .reasoningTags,
      .toolFormat,
      .threads,
      Option(
        "--quiet", nil,
        "no progress, no summary at start (with --port 0 only the address) and no line for each request"),
    ],
    example: "quire serve demo.quire --port 8080",
    stop: .isHandled,
    run: runServe)
}

/// The command line's options of a server, read before a model is loaded.
private struct ServeArguments {
  let engine: EngineArguments
  let host: String
  let port: Int
  let modelAliases: [String]
  let acceptsAnyModel: Bool
  let allowedOrigins: [String]
  let allowedHosts: [String]
  let apiKeys: [String]
  let loggedBytes: Int
  let showsPage: Bool
  let showsSlots: Bool
  let storedResponseBytes: Int
  let thinking: ThinkingDefaults
  let report: ServedReport?
  let patience: Duration
  let slotCount: Int
  let waitingCount: Int
  let tokenBudget: Int
  /// MiB. Nil: as in the engine's arguments.
  let cacheMebibytes: Int?

  init(_ arguments: Arguments) throws {
    host = arguments.string("--host") ?? "127.0.0.1"
    port = try arguments.integer("--port", in: 0...65_535) ?? 8080
    modelAliases = arguments.all("--model-alias")
    acceptsAnyModel = arguments.has("--any-model")
    allowedOrigins = arguments.all("--allow-origin")
    allowedHosts = arguments.all("--allow-host")
    apiKeys = try KeyFile.keys(arguments)
    loggedBytes = try arguments.integer("--log-bodies", in: 1...1 << 20, unit: "bytes") ?? 0
    showsPage = !arguments.has("--no-page")
    showsSlots = !arguments.has("--no-slots")
    let responseMebibytes = try arguments.integer("--response-memory", in: 0...1 << 20, unit: "MiB")
    storedResponseBytes = (responseMebibytes ?? 64) << 20
    thinking = try arguments.thinkingDefaults()
    report = try arguments.string("--report").map { try ServedReport(path: $0) }
    patience = .seconds(try arguments.integer("--drain-seconds", in: 0...86_400, unit: "seconds") ?? 30)
    slotCount = try arguments.integer("--slots", in: 1...1024) ?? 16
    waitingCount = try arguments.integer("--queue", in: 0...1_000_000) ?? 256
    tokenBudget = try arguments.integer("--token-budget", in: 1...65_536) ?? 512
    guard slotCount <= tokenBudget else {
      throw UsageError(
        arguments.command,
        "\(arguments.spelling("--token-budget")): expected at least one token for each of the \(slotCount) slots, found "
          + "\(tokenBudget); give --token-budget \(slotCount) or more, or at most \(tokenBudget) --slots")
    }
    cacheMebibytes = try arguments.integer("--kv-memory", in: 1...1 << 20, unit: "MiB")
    engine = try EngineArguments(arguments)
    try check(arguments)
  }

  /// Refuses what a server cannot have, with the option as the user wrote it.
  private func check(_ arguments: Arguments) throws {
    do throws(ServingError) {
      try serverOptions(modelName: arguments.string("--model-name") ?? "unknown yet").check()
    } catch {
      guard case .invalidOption(let name, let sentence) = error, let option = Self.options[name] else {
        throw error
      }
      throw UsageError(arguments.command, "\(arguments.spelling(option)): \(sentence)")
    }
  }

  /// The command line's option for a member of `ServerOptions`.
  private static let options = [
    "host": "--host", "allowedOrigins": "--allow-origin", "allowedHosts": "--allow-host",
    "modelName": "--model-name", "modelAliases": "--model-alias",
  ]

  func serverOptions(modelName: String) -> ServerOptions {
    var options = ServerOptions(host: host, port: port, modelName: modelName)
    options.modelAliases = modelAliases
    options.acceptsAnyModel = acceptsAnyModel
    options.allowedOrigins = Set(allowedOrigins)
    options.allowedHosts = Set(allowedHosts)
    options.apiKeys = apiKeys
    options.showsPage = showsPage
    options.showsSlots = showsSlots
    options.storedResponseBytes = storedResponseBytes
    options.http.loggedBytes = loggedBytes
    options.version = Program.version
    options.thinking = thinking
    return options
  }

  /// Options of the engine. Before weights are loaded the end-of-sequence ids may be missing.
  func engineOptions(
    for configuration: ModelConfiguration, endOfSequenceIDs: Set<Int32> = []
  ) throws -> EngineOptions {
    var options = try engine.options(for: configuration, endOfSequenceIDs: endOfSequenceIDs)
    options.maximumSlots = slotCount
    options.maximumWaiting = waitingCount
    options.tokenBudget = tokenBudget
    if let cacheMebibytes { options.cacheBytes = cacheMebibytes << 20 }
    options.populatedCacheBytes = min(options.cacheBytes, Machine.availableBytes) / 8
    return options
  }
}

private func runServe(_ arguments: Arguments) throws {
  let asked = try ServeArguments(arguments)
  let begin = Date()
  let stop = ServeStop(command: arguments.command)
  let source = try arguments.modelSource()
  let draft = try OpenedDraft(arguments)
  func checkMemory(_ options: EngineOptions) throws {
    try KeyValueMemory.check(
      options, asked: asked.cacheMebibytes, source.configuration(), draft: draft?.configuration, arguments)
  }
  if asked.cacheMebibytes != nil { try checkMemory(asked.engineOptions(for: source.configuration())) }
  if let draft { try draft.checkMemory(with: source, asked.engineOptions(for: source.configuration())) }
  let isQuiet = arguments.has("--quiet")
  let chatFormat = try arguments.chatFormat()
  if asked.thinking.closingSentence != nil {  // before the weights are loaded
    try asked.thinking.check(source.tokenizer(chatFormat: chatFormat).chatFormat.format ?? .qwen3)
  }
  let opened = try OpenedModel(
    source, threadCount: asked.engine.threadCount,
    chatFormat: chatFormat, needsChats: false, draft: draft, quiet: isQuiet)
  let engineOptions = try asked.engineOptions(
    for: opened.model.configuration, endOfSequenceIDs: opened.endOfSequenceIDs)
  try checkMemory(engineOptions)
  let engine = try Engine(
    model: opened.model, tokenizer: opened.tokenizer, draft: opened.draft?.loaded, options: engineOptions)
  defer { engine.stop() }
  let name = arguments.string("--model-name") ?? opened.name
  let logsRequests = !isQuiet && !arguments.has("--no-request-log")
  var options = asked.serverOptions(modelName: name)
  options.samplingDefaults = opened.samplingDefaults
  options.facts = try facts(of: source, asked.report)
  options.facts.contextPositions = opened.model.configuration.contextPositions
  let adapters = try source.mergedAdapters()
  options.facts.adapters = adapters.map(\.json)
  options.facts.hiddenSize = opened.model.configuration.hiddenSize
  let server = try Server(
    engine: engine, tokenizer: opened.tokenizer, options: options,
    log: logsRequests ? LineLog { Terminal.errorLine($0) } : nil)
  stop.beginServing()
  try server.start()
  let summary = ServeSummary(
    name: name, opened: opened, engine: engine.shape, options: engineOptions, server: server,
    seconds: Date().timeIntervalSince(begin), requiresKey: !asked.apiKeys.isEmpty,
    adapters: adapters, settings: arguments.settings)
  if !isQuiet {
    Terminal.errorText(summary.text)
  } else if asked.port == 0 {
    Terminal.errorLine(summary.address)  // nobody could know the port otherwise
  }
  let signal = stop.wait()
  if !isQuiet {
    Terminal.errorLine("\(signal.name): finishing running requests; a second signal stops at once")
  }
  server.drainAndStop(patience: asked.patience)
}

/// The model data that the page shows.
private func facts(of source: ModelSource, _ report: ServedReport?) throws -> ModelFacts {
  let size = try source.size()
  let manifest = source.pack?.manifest
  var facts = ModelFacts()
  facts.kind = source.isPack ? .pack : .checkpoint
  facts.parameterCount = size.parameterCount
  facts.weightBytes = size.weightBytes
  facts.fileBytes = size.fileBytes
  facts.recipeName = manifest?.recipe?.name
  facts.recipeText = manifest?.recipe?.text
  facts.steps = manifest?.rows ?? []
  facts.report = report?.json
  return facts
}
