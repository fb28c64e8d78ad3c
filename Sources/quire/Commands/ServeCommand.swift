import QuireFiles
import Foundation
import QuireGeneration
import QuireModel
import QuireServing
import QuireTensors

extension Command {
  static let serve = Command(
    name: "serve",
    summary: "Serves a model over HTTP the way OpenAI's API does, with continuous batching.",
    positionals: ["MODEL"],
    options: [
      Option("--host", "ADDRESS", "where to listen (default: 127.0.0.1, this machine only)"),
      Option("--port", "N", "port to listen on; 0 takes a free one (default: 8080)"),
      Option("--model-name", "NAME", "what clients call the model (default: the file's name)"),
      Option("--slots", "N", "requests that run at the same time (default: 16)"),
      Option("--queue", "N", "requests that may wait; more get 503 (default: 256)"),
      Option("--token-budget", "N", "tokens computed in one step (default: 512)"),
      Option(
        "--kv-cache-mib", "N",
        "memory for keys and values at most (default: half of what is free, at least 2048)"),
      Option("--drain-seconds", "N", "how long SIGTERM waits for running requests (default: 30)"),
      .context, .cacheType, .noLookup, .threads, .quiet,
    ],
    example: "quire serve demo.quire --port 8080",
    run: runServe)
}

/// What the command line says about a server, read before a model is opened.
private struct ServeArguments {
  let engine: EngineArguments
  let host: String
  let port: Int
  let patience: Duration
  let slotCount: Int
  let waitingCount: Int
  let tokenBudget: Int
  /// As the engine's arguments have it when nil.
  let cacheBytes: Int?

  init(_ arguments: Arguments) throws {
    host = arguments.string("--host") ?? "127.0.0.1"
    port = try arguments.integer("--port", in: 0...65_535) ?? 8080
    patience = .seconds(try arguments.integer("--drain-seconds", in: 0...86_400) ?? 30)
    slotCount = try arguments.integer("--slots", in: 1...1024) ?? 16
    waitingCount = try arguments.integer("--queue", in: 0...1_000_000) ?? 256
    tokenBudget = try arguments.integer("--token-budget", in: 1...65_536) ?? 512
    cacheBytes = try arguments.integer("--kv-cache-mib", in: 1...1 << 20).map { $0 << 20 }
    engine = try EngineArguments(arguments)
  }

  func engineOptions(for opened: OpenedModel) throws -> EngineOptions {
    var options = try engine.options(for: opened)
    options.maximumSlots = slotCount
    options.maximumWaiting = waitingCount
    options.tokenBudget = tokenBudget
    if let cacheBytes { options.cacheBytes = cacheBytes }
    return options
  }
}

private func runServe(_ arguments: Arguments) throws {
  let signals = StopSignals()
  let asked = try ServeArguments(arguments)
  let begin = Date()
  let opened = try OpenedModel(path: arguments.positionals[0], threadCount: asked.engine.threadCount)
  let engine = try Engine(
    model: opened.model, tokenizer: opened.tokenizer, options: asked.engineOptions(for: opened))
  defer { engine.stop() }
  let name = arguments.string("--model-name") ?? opened.name
  var options = ServerOptions(host: asked.host, port: asked.port, modelName: name)
  options.samplingDefaults = opened.samplingDefaults
  let server = try Server(engine: engine, tokenizer: opened.tokenizer, options: options)
  try server.start()
  func say(_ line: String) {
    if !arguments.has("--quiet") { Terminal.errorLine(line) }
  }
  let seconds = Terminal.seconds(Date().timeIntervalSince(begin))
  say("loaded \(opened.name) in \(seconds): \(ByteText.of(opened.model.weightBytes)) of weights")
  say("serving \(name) at http://\(asked.host):\(server.port)/v1")
  let signal = signals.wait()
  say("\(signal): finishing what runs; a second signal stops at once")
  signals.exitAtNextSignal()
  server.drainAndStop(patience: asked.patience)
}
