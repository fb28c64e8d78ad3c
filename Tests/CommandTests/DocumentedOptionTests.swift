import Foundation
import QuireJSON
import TestSupport
import Testing

/// What is documented runs: every option that a `--help` names, piped and on terminals, with and without `--quiet`.
@Suite struct DocumentedOptionTests {
  /// How an option is tried.
  enum Trial {
    /// Added to a command that runs without it.
    case adding([String])
    /// As a command of its own.
    case alone([String])
  }

  private let place = Workplace()
  private let texts = TemporaryFolder()
  /// A server that can only be listed.
  private let server = ScriptedServer { _ in .json(200, #"{"data": [{"id": "m"}]}"#) }

  /// The options that the help of a command names.
  private static func documented(_ command: String) throws -> [String] {
    let help = try BuiltProgram.quire.run([command, "--help"], environment: ["COLUMNS": "400"]).output
    return help.split(separator: "\n").compactMap { line in
      line.firstMatch(of: /^  (?:-\w, )?(--[a-z0-9-]+)/).map { String($0.1) }
    }
  }

  /// Commands that run to their end by themselves; `serve` is below.
  static let commands = UsageTests.promised.keys.sorted().filter { $0 != "serve" }

  @Test(arguments: commands)
  func everyOptionOfTheHelpRuns(_ command: String) throws {
    let trials = try trials(command)
    let options = try Self.documented(command)
    #expect(options.count >= 2 && options.contains("--help"))
    for option in options {
      let trial = try #require(trials[option], "no example of \(command) \(option)")
      for quiet in options.contains("--quiet") && option != "--quiet" ? [[], ["--quiet"]] : [[]] {
        let outcome = try BuiltProgram.quire.run(
          words(command, trial) + quiet, input: Array(Self.input(command).utf8), folder: place.path)
        #expect(outcome.status == 0, "\(command) \(option) \(quiet): \(outcome.errors)")
      }
      for columns in [80, 100] {
        let words = try words(command, trial)
        let session = try #require(TerminalSession(words, columns: columns, folder: place.path))
        session.type(Self.input(command) + "\u{4}")
        #expect(session.finish() == 0, "\(command) \(option) at \(columns): \(session.transcript)")
        // JSON is for programs, whatever the window.
        if !words.contains("--json") {
          #expect(session.linesTooWide == [], "\(command) \(option) at \(columns)")
        }
      }
    }
  }

  private static func input(_ command: String) -> String {
    switch command {
    case "chat": "hi\n/exit\n"
    case "tokenize": "\"abc\"\n"
    default: ""
    }
  }

  private func words(_ command: String, _ trial: Trial) throws -> [String] {
    let words =
      switch trial {
      case .adding(let extra): try base(command).overridden(by: extra)
      case .alone(let words): words
      }
    return [command] + words
  }

  private var checkpoint: String { place.checkpoint.path }
  private var recipe: String { place.recipe(Workplace.int8) }
  private var text: String { texts.write(String(repeating: "some text here\n", count: 40).utf8, to: "t.txt") }
  private var output: String { place.place("out-" + UUID().uuidString) }

  /// A command that runs, and that every option may be added to.
  private func base(_ command: String) throws -> [String] {
    switch command {
    case "convert": [checkpoint, "--recipe", recipe, "--output", output]
    case "calibrate":
      [checkpoint, "--calibration", text, "--windows", "2", "--tokens", "8", "--output", output]
    case "inspect", "verify": [try pack()]
    case "delta": [try pack(), "--parent", try pack(), "--output", output]
    case "flatten": [try pack(), "--output", output]
    case "export": [try pack(), "--format", "safetensors", "--output", output]
    case "generate": [checkpoint, "--prompt", "x", "--max-tokens", "2"]
    case "chat": [checkpoint, "--max-tokens", "2"]
    case "evaluate": [checkpoint, "--text", text, "--text-tokens", "20", "--no-speed"]
    case "report": [try report(), "--html", output]
    case "ablate": [checkpoint, "--requests", requests, "--techniques", "lookup", "--rounds", "1"]
    case "bench": [checkpoint] + Self.shortBench
    case "tokenize": [checkpoint]
    case "render": [checkpoint, "--messages", messages]
    case "logits": [checkpoint, "--tokens", "1,2", "--output", output]
    default: []
    }
  }

  private static let shortBench = [
    "--prompt-tokens", "8", "--generate-tokens", "2", "--batch", "1", "--repeat", "1", "--threads", "1",
  ]

  private var requests: String {
    texts.write(
      #"{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}"#.utf8, to: "r.jsonl")
  }

  private var messages: String {
    texts.write(#"{"messages": [{"role": "user", "content": "hi"}]}"#.utf8, to: "m.json")
  }

  private func pack() throws -> String {
    let path = place.place("base.quire")
    return FileManager.default.fileExists(atPath: path) ? path : try place.pack(name: "base.quire")
  }

  private func statistics() throws -> String {
    let path = output
    let outcome = try BuiltProgram.quire.run(
      ["calibrate"] + base("calibrate").overridden(by: ["--output", path, "--quiet"]))
    try #require(outcome.status == 0, "\(outcome.errors)")
    return path
  }

  /// An example of every documented option.
  private func trials(_ command: String) throws -> [String: Trial] {
    var trials: [String: Trial] = [
      "--help": .adding(["--help"]), "--quiet": .adding(["--quiet"]),
      "--threads": .adding(["--threads", "1"]),
      "--json": .adding(["--json"]), "--force": .adding(["--force"]), "--thinking": .adding(["--thinking"]),
      "--no-thinking": .adding(["--no-thinking"]), "--seed": .adding(["--seed", "7"]),
      "--max-tokens": .adding(["--max-tokens", "3"]), "--system": .adding(["--system", "Be kind."]),
      "--temperature": .adding(["--temperature", "0.5"]), "--top-p": .adding(["--top-p", "0.9"]),
      "--top-k": .adding(["--top-k", "5"]), "--min-p": .adding(["--min-p", "0.1"]),
      "--context": .adding(["--context", "64"]), "--kv-cache": .adding(["--kv-cache", "float32"]),
      "--no-lookup": .adding(["--no-lookup"]), "--draft": .adding(["--draft", checkpoint]),
      "--recipe": .adding(["--recipe", recipe]),
      "--output": .adding(["--output", output]), "--tokens": .adding(["--tokens", "4"]),
      "--thinking-budget": .adding(["--thinking-budget", "2"]),
      "--chat-format": .adding(["--chat-format", "qwen3"]),
      "--parent": .adding(["--parent", place.path]),
      "--reasoning-tags": .adding(["--reasoning-tags", "<think> </think>"]),
      "--tool-format": .adding(["--tool-format", "qwen3-coder"]),
      "--adapter": .adding(["--adapter", TinyAdapter.write(to: texts)]),
    ]
    for (option, trial) in try ownTrials(command) { trials[option] = trial }
    return trials
  }

  private func ownTrials(_ command: String) throws -> [String: Trial] {
    switch command {
    case "convert": try convertTrials()
    case "calibrate": try calibrateTrials()
    case "export": try exportTrials()
    case "generate":
      ["--prompt": .adding(["--prompt", "y"]), "--raw": .adding(["--raw"])]
    case "chat": ["--no-history": .adding(["--no-history"])]
    case "evaluate": evaluateTrials()
    case "report": try reportTrials()
    case "ablate": ablateTrials()
    case "bench": benchTrials()
    case "tokenize": ["--decode": .alone([checkpoint, "--decode", "--help"])]
    case "render":
      ["--messages": .adding([]), "--no-generation-prompt": .adding(["--no-generation-prompt"])]
    // The command has an output already, a new one every time.
    case "logits": ["--output": .adding([])]
    case "delta": ["--output": .adding([]), "--parent": .adding([])]
    case "flatten": ["--output": .adding([])]
    case "inspect":
      [
        "--tensor": .adding(["--tensor", "model.norm.weight"]),
        "--rows": .adding(["--tensor", "model.embed_tokens.weight", "--rows", "1:3"]),
        "--adapter": .alone([checkpoint, "--adapter", TinyAdapter.write(to: texts)]),
      ]
    default: [:]
    }
  }

  private func convertTrials() throws -> [String: Trial] {
    let gptq = place.recipe(
      #"{ name: "g", steps: [{ step: "quantize", scheme: "int8", method: "gptq" }], calibration: { windows: 2, tokens: 8 } }"#
    )
    // The recipe of other trials is written to the same path, so this one gets its own.
    let own = texts.write((try String(contentsOfFile: gptq, encoding: .utf8)).utf8, to: "gptq.json5")
    return [
      "--statistics": .alone([
        checkpoint, "--recipe", own, "--output", output, "--statistics", try statistics(), "--force",
      ]),
      "--plan": .adding(["--plan"]), "--measure": .adding(["--plan", "--measure"]),
      "--output": .adding(["--force"]), "--recipe": .adding(["--force"]),
      "--parent": .adding(["--parent", try pack()]),
    ]
  }

  private func exportTrials() throws -> [String: Trial] {
    func format(_ name: String, _ extra: String...) throws -> Trial {
      .alone([try pack(), "--format", name, "--output", output, "--force"] + extra)
    }
    return [
      "--format": try format("gguf"), "--output": try format("safetensors"), "--plan": .adding(["--plan"]),
      "--fill-pruned": .adding(["--fill-pruned", "--force"]),
      "--dtype": .adding(["--dtype", "float32", "--force"]),
      "--gguf-type": try format("gguf", "--gguf-type", "f16"),
      "--quantized-head": try format("compressed-tensors", "--quantized-head"),
      "--adapter": .alone([
        checkpoint, "--adapter", TinyAdapter.write(to: texts), "--format", "safetensors", "--output", output,
        "--force",
      ]),
    ]
  }

  private func calibrateTrials() throws -> [String: Trial] {
    [
      "--recipe": .alone([
        checkpoint, "--recipe", recipe, "--windows", "2", "--tokens", "8", "--output", output, "--force",
      ]),
      "--calibration": .adding(["--force"]), "--windows": .adding(["--windows", "1", "--force"]),
      "--tokens": .adding(["--tokens", "4", "--force"]), "--mode": .adding(["--mode", "both", "--force"]),
      "--shard": .adding(["--windows", "2", "--shard", "2/2", "--force"]),
      "--merge": .alone([try statistics(), try statistics(), "--merge", "--output", output, "--force"]),
      "--output": .adding(["--force"]),
    ]
  }

  private func evaluateTrials() -> [String: Trial] {
    let tasks = texts.write(
      #"{"task": "sum", "prompt": "1+1?", "answer": "2"}"#.utf8, to: "tasks.jsonl")
    let asking = ["--tasks", tasks, "--max-tokens", "4"]
    let key = texts.write("k\n".utf8, to: "key")
    chmod(key, 0o600)
    let serving = ["--server", "http://127.0.0.1:\(server.port)"]
    return [
      "--server": .adding(serving), "--server-model": .adding(serving + ["--server-model", "m"]),
      "--server-key-file": .adding(serving + ["--server-key-file", key]),
      "--server-timeout": .adding(serving + ["--server-timeout", "5"]),
      "--recipe": .adding(["--recipe", recipe]),
      "--reference": .alone([
        (try? pack()) ?? "", "--reference", checkpoint, "--text", text, "--text-tokens", "20", "--no-speed",
      ]),
      "--tasks": .adding(asking), "--text": .adding([]), "--problems": .adding(asking + ["--problems", "1"]),
      "--text-tokens": .adding([]), "--max-tokens": .adding(asking), "--no-speed": .adding([]),
      "--thinking": .adding(asking + ["--thinking"]), "--no-thinking": .adding(asking + ["--no-thinking"]),
      "--no-tasks": .adding(["--no-tasks"]),
      "--no-text": .alone([checkpoint] + asking + ["--no-text", "--no-speed"]),
      "--thinking-budget": .adding(asking + ["--thinking-budget", "0,2,none"]),
      "--sensitivity": .adding(["--sensitivity"]),
      "--kv-cache": .adding(["--recipe", recipe, "--kv-cache", "float16,int8"]),
      "--fresh": .adding(["--json", place.place("r.json"), "--fresh", "--force"]),
      "--html": .adding(["--html", place.place("r.html"), "--force"]),
      "--gate": .adding(["--recipe", recipe, "--gate", "size<=1GB"]),
      "--gate-undecided": .adding([
        "--recipe", recipe, "--gate", "size<=1GB", "--gate-undecided", "pass",
      ]),
      "--baseline": .adding((try? ["--baseline", report()]) ?? []),
      "--json": .adding(["--json", "-"]), "--force": .adding(["--json", place.place("r.json"), "--force"]),
      "--store": .alone([(try? pack()) ?? "", "--text", text, "--text-tokens", "20", "--no-speed", "--store"]
      ),
    ]
  }

  /// A report's file.
  private func report() throws -> String {
    let path = place.place("base.json")
    if FileManager.default.fileExists(atPath: path) { return path }
    let words = try ["evaluate"] + base("evaluate") + ["--recipe", recipe, "--json", path, "--quiet"]
    let outcome = try BuiltProgram.quire.run(words)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return path
  }

  private func reportTrials() throws -> [String: Trial] {
    [
      "--html": .adding(["--force"]), "--force": .adding(["--force"]),
      "--gate": .adding(["--gate", "kl<=100", "--force"]),
      "--gate-undecided": .adding(["--gate", "size<=1GB", "--gate-undecided", "pass", "--force"]),
      "--baseline": .adding(["--baseline", try report(), "--force"]),
    ]
  }

  private func ablateTrials() -> [String: Trial] {
    [
      "--requests": .adding([]), "--techniques": .adding(["--techniques", "prefix-cache,threads"]),
      "--rounds": .adding(["--rounds", "2"]), "--slots": .adding(["--slots", "2"]),
      "--no-alone": .adding(["--no-alone"]), "--json": .adding(["--json", "-"]),
      "--html": .adding(["--html", place.place("a.html"), "--force"]),
      "--force": .adding(["--json", place.place("a.json"), "--force"]),
    ]
  }

  private func benchTrials() -> [String: Trial] {
    func shape(_ extra: String...) -> Trial {
      .alone((["--shape", "qwen3-0.6b", "--layers", "1"] + Self.shortBench).overridden(by: extra))
    }
    return [
      "--shape": shape(), "--scheme": shape("--scheme", "int8"), "--group": shape("--group", "64"),
      "--head-scheme": shape("--head-scheme", "int4"), "--layers": shape("--layers", "2"),
      "--prompt-tokens": .adding(["--prompt-tokens", "4"]),
      "--generate-tokens": .adding(["--generate-tokens", "1"]),
      "--batch": .adding(["--batch", "1,2"]), "--context": .adding(["--context", "4"]),
      "--repeat": .adding(["--repeat", "2"]), "--lookup": .adding(["--lookup"]),
      "--draft-shape": shape("--draft-shape", "qwen3-0.6b"),
      "--draft-scheme": shape("--draft-shape", "qwen3-0.6b", "--draft-scheme", "int8"),
      "--draft-head-scheme": shape("--draft-shape", "qwen3-0.6b", "--draft-head-scheme", "int4"),
    ]
  }
}
