import Foundation
import QuireJSON
import TestSupport
import Testing

/// Options of `serve` from a file and from variables, and the document about them.
@Suite struct ConfigurationTests {
  private let place = Workplace()
  private let texts = TemporaryFolder()

  private func file(_ text: String) -> String { texts.write(text.utf8, to: "serve.json5") }

  /// Runs `serve` with a model that does not exist: options are checked before.
  private func serve(_ words: [String] = [], _ environment: [String: String] = [:]) throws -> Tool.Outcome {
    try BuiltProgram.quire.run(["serve", "none"] + words, environment: environment, folder: texts.path)
  }

  /// The options of the help: names, and whether they take a value.
  private static let options: [(name: String, kind: String?)] = {
    let help =
      (try? BuiltProgram.quire.run(["serve", "--help"], environment: ["COLUMNS": "400"]).output) ?? ""
    return help.split(separator: "\n").compactMap { line in
      line.firstMatch(of: /^\s\s--([a-z0-9-]+)(?: ([A-Z]+))?\s/).map { (String($0.1), $0.2.map(String.init)) }
    }.filter { $0.name != "help" }
  }()

  private static func variable(_ name: String) -> String {
    "QUIRE_" + name.uppercased().replacing("-", with: "_")
  }

  @Test func theCommandLinePrecedesVariablesAndVariablesPrecedeTheFile() throws {
    let path = file("{ slots: -3 }")
    let range = "expected a whole number from 1 to 1024, found"
    let variable = ["QUIRE_SLOTS": "-2"]
    #expect(
      try serve(["--config", path, "--slots", "-1"], variable).errors
        == "quire serve: --slots: \(range) '-1'\n")
    #expect(try serve(["--config", path], variable).errors == "quire serve: QUIRE_SLOTS: \(range) '-2'\n")
    #expect(
      try serve(["--config", path], ["QUIRE_SLOTS": ""]).errors
        == "quire serve: \(path), line 1, column 3: slots: \(range) '-3'\n")
    let named = try serve([], ["QUIRE_CONFIG": "serve.json5"])
    #expect(
      named.status == 2 && named.errors.hasPrefix("quire serve: serve.json5, line 1, column 3: slots: "))
    expectRefusal(
      try serve([], variable.merging(["QUIRE_SLOTS": "4"]) { $1 }), by: "serve", ["found nothing"])
  }

  @Test func everythingFromAFile() throws {
    let report = #"{"rows": [{"step": "reference"}]}"#
    texts.write(report.utf8, to: "report.json")
    try FileManager.default.createSymbolicLink(
      atPath: texts.path + "/model", withDestinationPath: place.checkpoint.path)
    texts.write("k3\n".utf8, to: "keys")
    texts.write([], to: "base.quire")
    _ = TinyAdapter.write(to: texts)
    let path = file(
      """
      // Everything that serve takes.
      { model: "model", report: "report.json", host: "127.0.0.1", port: 0, 'model-name': "tiny",
        "allow-origin": ["https://a.example", "null"], "allow-host": "b.example", slots: 0x3, queue: 5,
        "token-budget": 64, "kv-memory": 16, "drain-seconds": "1", "no-request-log": true, context: 128,
        "kv-cache": "float32", "no-lookup": true, draft: "model", "no-prefix-cache": true, "chat-format": "qwen3",
        "reasoning-tags": "none", "tool-format": "json",
        threads: 1.0, quiet: false, "api-key": ["k1", "k2"], "api-key-file": ["keys"], "no-slots": true,
        "log-bodies": 100, thinking: "64", "thinking-close-message": "Enough.", "answer-reserve": 16,
        "model-alias": ["small"], "any-model": true, "response-memory": 8, "no-page": true,
        parent: ["base.quire"], adapter: ["adapter"], }
      """)
    let server = try ServedProgram(words: ["--config", path])
    let errors = try server.errors
    #expect(
      errors.contains("serving tiny at http") && errors.contains("\ncontext: 128 tokens; 3 slots, 5 more"))
    #expect(errors.contains(" of float32; no prefix cache\ncompute: 1 thread, "))
    // The summary names every option but no value of it.
    let origin = try #require(errors.split(separator: "\n").first { $0.hasPrefix("options: ") })
    #expect(origin.hasSuffix(" from \(path)"))
    let named = Set(origin.dropFirst(9).split(separator: " from ")[0].split(separator: ", ").map(String.init))
    #expect(named == Set(Self.options.map(\.name) + ["model"]).subtracting(["config"]))
    for (origin, status) in [("https://a.example", 200), ("null", 200), ("https://c.example", 403)] {
      let reply = exchangeOnce(
        port: server.port, "GET", "/v1/models", headers: ["Origin: \(origin)", "Authorization: Bearer k2"])
      #expect(reply?.status == status)
    }
    let facts = exchangeOnce(port: server.port, "GET", "/quire/model", headers: ["x-api-key: k3"])
    #expect(facts?.text.contains("reference") == true)
    #expect(exchangeOnce(port: server.port, "GET", "/quire/model")?.status == 401)
  }

  @Test func everythingFromVariables() throws {
    let report = texts.write(#"{"rows": [{"step": "reference"}]}"#.utf8, to: "report.json")
    let configuration = file("{slots: 9}")
    let keys = texts.write("k3\n".utf8, to: "keys")
    var values = [
      "config": configuration, "host": "127.0.0.1", "port": "0", "model-name": "tiny",
      "allow-origin": "https://a.example, null", "allow-host": "b.example", "slots": "3", "queue": "5",
      "token-budget": "64", "kv-memory": "16", "report": report, "drain-seconds": "1",
      "no-request-log": "true",
      "context": "128", "kv-cache": "float32", "no-lookup": "1", "draft": place.checkpoint.path,
      "no-prefix-cache": "true",
      "chat-format": "qwen3",
      "reasoning-tags": "none", "tool-format": "json",
      "threads": "1", "quiet": "false", "api-key": "k1, k2", "api-key-file": keys, "no-slots": "true",
      "log-bodies": "100", "thinking": "64", "thinking-close-message": "Enough.", "answer-reserve": "16",
      "model-alias": "small", "any-model": "true", "response-memory": "8", "no-page": "true",
      "parent": texts.write([], to: "base.quire"), "adapter": TinyAdapter.write(to: texts),
    ]
    values["model"] = place.checkpoint.path
    #expect(Set(values.keys) == Set(Self.options.map(\.name) + ["model"]))
    let environment = Dictionary(uniqueKeysWithValues: values.map { (Self.variable($0.key), $0.value) })
    let server = try ServedProgram(words: [], environment: environment)
    let errors = try server.errors
    #expect(
      errors.contains("serving tiny at http") && errors.contains("\ncontext: 128 tokens; 3 slots, 5 more"))
    let origin = try #require(errors.split(separator: "\n").first { $0.hasPrefix("options: ") })
    for name in values.keys where name != "config" {
      #expect(origin.contains("\(name) from \(Self.variable(name))"), "\(name)")
    }
    for (origin, status) in [("https://a.example", 200), ("null", 200), ("https://c.example", 403)] {
      let reply = exchangeOnce(
        port: server.port, "GET", "/v1/models", headers: ["Origin: \(origin)", "Authorization: Bearer k2"])
      #expect(reply?.status == status)
    }
    // A switch that a variable sets is switched off on the command line.
    environment.forEach { #expect(!$0.key.contains("-")) }
    let words = ["--no-request-log=false", "--port", "0", "--allow-origin=https://c.example"]
    let logging = try ServedProgram(words: words, environment: environment)
    for (origin, status) in [("https://a.example", 403), ("https://c.example", 200)] {
      let reply = exchangeOnce(
        port: logging.port, "GET", "/v1/models", headers: ["Origin: \(origin)", "Authorization: Bearer k2"])
      #expect(reply?.status == status)
    }
    #expect(eventually { (try? logging.errors.contains("GET /v1/models 200")) == true })
  }

  @Test(arguments: [
    ("{ prot: 1 }", "line 1, column 3: unknown option 'prot', did you mean port; see quire serve --help"),
    ("{\n  kv_memory: 1,\n}", "line 2, column 3: unknown option 'kv_memory', did you mean kv-memory; see "),
    ("{ \"--port\": 1 }", "line 1, column 3: unknown option '--port', did you mean port; see "),
    ("{ config: \"x\" }", "line 1, column 3: unknown option 'config'; see "),
    ("{ help: true }", "line 1, column 3: unknown option 'help'"),
    ("{ frobnicate: true }", "line 1, column 3: unknown option 'frobnicate'; see "),
    ("{ port: true }", "line 1, column 3: port: expected a number, found a boolean"),
    ("{ port: [1] }", "line 1, column 3: port: expected a number, found an array"),
    ("{ host: {} }", "line 1, column 3: host: expected a string, found an object"),
    ("{ quiet: \"yes\" }", "line 1, column 3: quiet: expected true or false, found a string"),
    (
      "{ \"allow-host\": [1] }",
      "line 1, column 3: allow-host: expected a string or an array of strings, found an array"
    ),
    (
      "{ port: 1, port: 2 }",
      "line 1, column 12: the key \"port\" is already in this object; keep one of the two"
    ),
    ("{ port: 1.5 }", "line 1, column 3: port: expected a whole number from 0 to 65535, found '1.5'"),
    (
      "{ threads: \"many\" }",
      "line 1, column 3: threads: expected a whole number from 1 to 1024, found 'many'"
    ),
    (
      "{ \"kv-cache\": \"int3\" }",
      "line 1, column 3: kv-cache: expected one of float32, float16, int8, found 'int3'"
    ),
    ("{ port: 1", "line 1, column 10: expected "), ("{ port: NaN }", "line 1, column 9: NaN is not accepted"),
  ])
  func whatIsWrongInAFileIsSaidWithItsPosition(_ text: String, sentence: String) throws {
    let outcome = try serve(["--config", file(text)])
    #expect(outcome.status == 2 && outcome.output == "")
    #expect(
      outcome.errors.hasPrefix("quire serve: \(texts.path)/serve.json5, \(sentence)"), "\(outcome.errors)")
    #expect(outcome.errors.count(where: \.isNewline) == 1)
    // The same on a terminal.
    let session = try #require(TerminalSession(["serve", "none", "--config", texts.path + "/serve.json5"]))
    #expect(session.finish() == 2 && session.linesTooWide == [])
  }

  @Test func filesThatAreNone() throws {
    for (path, found) in [
      (texts.path + "/none", "found no such file"), (texts.path, "found a folder"),
      (texts.write([0xFF, 0xFE], to: "bytes"), "found bytes that are not UTF-8 in line 1"),
      ("/dev/zero", "found more than 1048576 bytes"),
    ] {
      let outcome = try serve(["--config", path])
      #expect(outcome.status == 2, "\(path)")
      #expect(
        outcome.errors
          == "quire serve: --config: expected a JSON5 file at \(path), \(found); check the path\n")
      let variable = try serve([], ["QUIRE_CONFIG": path])
      #expect(variable.errors.hasPrefix("quire serve: QUIRE_CONFIG: expected a JSON5 file at \(path), "))
    }
    let list = try serve(["--config", file("[1]")])
    #expect(list.errors.contains("expected an object of options such as {port: 8081}, found an array"))
    let empty = try serve(["--config", file("")])
    #expect(empty.status == 2 && empty.errors.contains("line 1, column 1: expected "))
    // Nothing is set, or only what counts as absent.
    expectRefusal(try serve(["--config", file("{ port: null }")]), by: "serve", ["found nothing"])
  }

  /// Every option with a value of a type that it cannot have.
  @Test func everyOptionIsChecked() throws {
    for option in Self.options where option.name != "config" {
      let outcome = try serve(["--config", file("{ '\(option.name)': {} }")])
      #expect(outcome.status == 2, "\(option.name)")
      #expect(outcome.errors.contains(", line 1, column 3: \(option.name): expected "), "\(outcome.errors)")
      guard option.kind == nil else { continue }
      let variable = Self.variable(option.name)
      let wrong = try serve([], [variable: "yes"])
      #expect(
        wrong.status == 2 && wrong.errors == "quire serve: \(variable): expected true or false, found 'yes'\n"
      )
    }
  }

  /// Values that only the server's own checks refuse are refused with their origin, too.
  @Test(arguments: [
    ("host", "\"\"", "expected an address or a name to listen on, found an empty one"),
    ("model-name", "\"\"", "expected a name of the model, found an empty one"),
    ("model-alias", "[\"\"]", "expected a name, found an empty one"),
    ("allow-origin", "\"a b\"", "expected '*', 'null' or an origin such as https://chat.example.org, found "),
    ("allow-host", "\"http://x\"", "expected '*' or a host name without a port such as models.example.org"),
    ("api-key", "[]", "expected at least one value, found an empty list; add one or leave it out"),
    ("api-key-file", "[]", "expected at least one value, found an empty list; add one or leave it out"),
    ("api-key-file", "''", "expected a path, found an empty text; name the file or folder"),
    ("report", "''", "expected a path, found an empty text; name the file or folder"),
    ("parent", "['']", "expected a path, found an empty text; name the file or folder"),
    ("api-key", "\"a b\"", "expected API keys of 1 to 1024 visible ASCII characters without spaces, found "),
    ("thinking", "\"sometimes\"", "expected on, off or a number of tokens, found 'sometimes'"),
    ("context", "9999999", "expected at most "),
  ])
  func whatTheServerCannotHaveIsSaidWithItsOrigin(_ name: String, value: String, sentence: String) throws {
    let text = file("{ model: '\(Workplace.demo)', port: 0,\n  '\(name)': \(value) }")
    let outcome = try BuiltProgram.quire.run("serve", "--config", text, "--quiet")
    #expect(outcome.status == 2 && outcome.output == "")
    #expect(
      outcome.errors.hasPrefix("quire serve: \(text), line 2, column 3: \(name): \(sentence)"),
      "\(outcome.errors)")
  }

  @Test func anEmptyModelIsRefused() throws {
    let text = file("{ model: '', port: 0 }")
    let outcome = try BuiltProgram.quire.run("serve", "--config", text)
    #expect(outcome.status == 2)
    #expect(
      outcome.errors
        == "quire serve: \(text), line 1, column 3: model: expected a path, found an empty text; name the file or folder\n"
    )
  }

  @Test func misspelledVariablesAreReported() throws {
    let variables = [
      "QUIRE_PROT": "1", "QUIRE_TEMPERATURE": "0.5", "QUIRE_ISA": "portable", "QUIRE_EMPTY": "",
    ]
    let outcome = try BuiltProgram.quire.run(["tokenize", Workplace.demo], environment: variables)
    #expect(outcome.status == 0)
    #expect(
      outcome.errors == """
        quire tokenize: warning: QUIRE_PROT is ignored; did you mean QUIRE_PORT?
        quire tokenize: warning: QUIRE_TEMPERATURE is ignored, because quire reads no variable of that name

        """)
    // Kubernetes describes a service named quire by such variables; they are neither reported nor used.
    let links = [
      "QUIRE_PORT": "tcp://10.0.0.1:8080", "QUIRE_SERVICE_HOST": "10.0.0.1", "QUIRE_SERVICE_PORT": "8080",
      "QUIRE_SERVICE_PORT_HTTP": "8080", "QUIRE_PORT_8080_TCP": "tcp://10.0.0.1:8080",
      "QUIRE_PORT_8080_TCP_PROTO": "tcp", "QUIRE_PORT_8080_TCP_ADDR": "10.0.0.1",
    ]
    expectRefusal(try serve([], links), by: "serve", ["found nothing"])
    // Only serve takes options from variables.
    let other = try BuiltProgram.quire.run(
      ["tokenize", Workplace.demo], environment: ["QUIRE_THREADS": "none", "QUIRE_DECODE": "true"])
    #expect(other.status == 0 && other.errors.contains("QUIRE_DECODE is ignored"))
    #expect(!other.errors.contains("QUIRE_THREADS"))
  }

  /// The table of Configuration.md has every option once, as the help and the variables have it.
  @Test func theDocumentListsEveryOption() throws {
    let path = TestPaths.repository + "/Sources/quire/Configuration/Configuration.md"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let rows = text.split(separator: "\n").compactMap {
      $0.firstMatch(of: /^\| `--([a-z-]+)(?: ([A-Z]+))?`( \(repeatable\))? \| `([A-Z_]+)` \| .+ \|$/)
    }
    #expect(rows.map { String($0.1) }.sorted() == Self.options.map(\.name).sorted())
    let help = try BuiltProgram.quire.run(["serve", "--help"], environment: ["COLUMNS": "400"]).output
    for row in rows {
      let kind = Self.options.first { $0.name == row.1 }?.kind
      #expect(row.2.map(String.init) == kind && Self.variable(String(row.1)) == row.4, "\(row.1)")
      let line = help.split(separator: "\n").first { $0.hasPrefix("  --\(row.1) ") }
      #expect(line?.contains("(repeatable)") == (row.3 != nil), "\(row.1)")
    }
    #expect(text.contains("| `MODEL` (`model` in the file) | `QUIRE_MODEL` | required |"))
  }
}
