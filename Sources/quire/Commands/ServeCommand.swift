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
      Option("--kv-cache-mib", "N", "memory for keys and values (default: 2048)"),
      Option("--drain-seconds", "N", "how long SIGTERM waits for running requests (default: 30)"),
      .context, .cacheType, .threads, .quiet,
    ],
    example: "quire serve demo.quire --port 8080",
    run: runServe)
}

private func serverOptions(_ arguments: Arguments, _ opened: OpenedModel) throws -> EngineOptions {
  var options = try arguments.engineOptions(opened)
  options.maximumSlots = try arguments.integer("--slots", in: 1...1024) ?? 16
  options.maximumWaiting = try arguments.integer("--queue", in: 0...1_000_000) ?? 256
  options.tokenBudget = try arguments.integer("--token-budget", in: 1...65_536) ?? 512
  options.cacheBytes = (try arguments.integer("--kv-cache-mib", in: 1...1 << 20) ?? 2048) << 20
  return options
}

private func runServe(_ arguments: Arguments) throws {
  let signals = StopSignals()
  let host = arguments.string("--host") ?? "127.0.0.1"
  let port = try arguments.integer("--port", in: 0...65_535) ?? 8080
  let patience = try arguments.integer("--drain-seconds", in: 0...86_400) ?? 30
  let begin = Date()
  let opened = try OpenedModel(path: arguments.positionals[0], threadCount: arguments.threadCount())
  let engine = try Engine(
    model: opened.model, tokenizer: opened.tokenizer, options: serverOptions(arguments, opened))
  defer { engine.stop() }
  let name = arguments.string("--model-name") ?? opened.name
  let server = try Server(
    engine: engine, tokenizer: opened.tokenizer,
    options: ServerOptions(host: host, port: port, modelName: name))
  try server.start()
  func say(_ line: String) {
    if !arguments.has("--quiet") { Terminal.errorLine(line) }
  }
  let seconds = Terminal.seconds(Date().timeIntervalSince(begin))
  say("loaded \(opened.name) in \(seconds): \(Terminal.bytes(opened.model.weightBytes)) of weights")
  say("serving \(name) at http://\(host):\(server.port)/v1")
  let signal = signals.wait()
  say("\(signal): finishing what runs; a second signal stops at once")
  signals.exitAtNextSignal()
  server.drainAndStop(patience: .seconds(patience))
}
