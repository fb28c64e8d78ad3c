import Foundation
import QuireJSON
import TestSupport
import Testing

/// API keys of `serve`: from a file, an option and the environment.
@Suite struct KeyFileTests {
  private let texts = TemporaryFolder()

  private func file(_ text: String, mode: mode_t = 0o600) throws -> String {
    let path = texts.write(text.utf8, to: "keys")
    try #require(chmod(path, mode) == 0)
    return path
  }

  private func status(_ server: ServedProgram, _ key: String?, _ path: String = "/v1/models") -> Int? {
    exchangeOnce(
      port: server.port, "GET", path, headers: key.map { ["Authorization: Bearer \($0)"] } ?? [])?.status
  }

  /// Keys of files and of the command line; a variable counts only where the command line has no key.
  @Test func keysOfEverySourceAreAccepted() throws {
    let path = try file("# keys of the team\n\n  file-1  \nfile-2\r\n")
    let server = try ServedProgram(
      Workplace.demo, ["--api-key-file", path, "--api-key", "option-1,option-2", "--api-key", "option-3"],
      limit: "export QUIRE_API_KEY=variable-1")
    for key in ["file-1", "file-2", "option-1", "option-2", "option-3"] {
      #expect(status(server, key) == 200, "\(key)")
    }
    for key in [nil, "variable-1", "option-1,option-2", "# keys of the team", "file"] {
      #expect(status(server, key) == 401)
    }
    #expect(status(server, nil, "/health") == 200 && status(server, nil, "/") == 200)
    let told = try server.errors
    #expect(told.contains("\nAPI key: required\n"))
    #expect(!told.contains("file-") && !told.contains("option-") && !told.contains("note: "))
  }

  @Test func aVariableIsAKey() throws {
    let server = try ServedProgram(Workplace.demo, [], limit: "export QUIRE_API_KEY=variable-1,variable-2")
    #expect(status(server, "variable-1") == 200 && status(server, "variable-2") == 200)
    #expect(status(server, nil) == 401)
    let told = try server.errors
    #expect(told.contains("\noptions: api-key from QUIRE_API_KEY\n") && !told.contains("variable-"))
  }

  @Test func aReadableFileIsNoticed() throws {
    let path = try file("secret-1\n", mode: 0o644)
    let server = try ServedProgram(Workplace.demo, ["--api-key-file", path])
    #expect(status(server, "secret-1") == 200)
    let told = try server.errors
    #expect(
      told.contains("note: other users may read the API keys in \(path); 'chmod 600' on it prevents that\n"))
    #expect(!told.contains("secret-1"))
  }

  /// A configuration file holds keys as a key file does.
  @Test(arguments: [(0o644, true), (0o600, false)])
  func keysInAReadableConfigurationAreNoticed(mode: mode_t, isNoticed: Bool) throws {
    let path = texts.write(#"{ "api-key": ["secret-1"] }"#.utf8, to: "serve.json5")
    try #require(chmod(path, mode) == 0)
    let server = try ServedProgram(Workplace.demo, ["--config", path])
    #expect(status(server, "secret-1") == 200)
    let note = "note: other users may read the API keys in \(path); 'chmod 600' on it prevents that\n"
    #expect(try server.errors.contains(note) == isNoticed)
  }

  /// "$KEY1,$KEY2" of a script that sets neither is no server without keys.
  @Test(arguments: [",", "a,", ",,"]) func anEmptyKeyInAVariableIsRefused(_ keys: String) throws {
    for name in ["QUIRE_API_KEY", "QUIRE_API_KEY_FILE"] {
      let outcome = try BuiltProgram.quire.run(
        ["serve", Workplace.demo, "--port", "0"], environment: [name: keys])
      #expect(outcome.status == 2)
      #expect(
        outcome.errors
          == "quire serve: \(name): expected values with commas between them, found an empty one; remove its comma\n"
      )
    }
  }

  @Test func unusableKeysAreRefused() throws {
    for (text, parts) in [
      ("# none\n", ["expected at least one API key in ", "found none"]),
      (
        "a key\n",
        ["expected API keys of 1 to 1024 visible ASCII characters without spaces", texts.path, "correct it"]
      ),
      ("gr\u{fc}n\n", ["visible ASCII"]),
    ] {
      let path = try file(text)
      let outcome = try BuiltProgram.quire.run("serve", Workplace.demo, "--port", "0", "--api-key-file", path)
      expectRefusal(outcome, by: "serve", parts)
    }
    let missing = try BuiltProgram.quire.run(
      "serve", Workplace.demo, "--api-key-file", texts.path + "/nothing")
    expectRefusal(missing, by: "serve", ["expected API keys at ", "no such file", "one key per line"])
    let empty = try BuiltProgram.quire.run("serve", Workplace.demo, "--api-key", "a,")
    #expect(empty.status == 2)
    #expect(
      empty.errors
        == "quire serve: --api-key: expected API keys of 1 to 1024 visible ASCII characters without spaces, found an empty one; correct it\n"
    )
  }

  @Test func bodiesAndSlotsAreOptions() throws {
    let server = try ServedProgram(Workplace.demo, ["--log-bodies", "40", "--no-slots"])
    let (status, answer) = try server.post("/completion", ["prompt": "What is 2+2?", "n_predict": 2])
    #expect(status == 200 && answer["stop"] == true)
    #expect(exchangeOnce(port: server.port, "GET", "/slots")?.status == 501)
    let version = try #require(exchangeOnce(port: server.port, "GET", "/version"))
    #expect(try JSONValue.parse(version.body)["version"]?.stringValue?.isEmpty == false)
    server.signal(SIGTERM)
    #expect(server.end() == 0)
    #expect(try server.errors.contains(#" request 39 bytes: {"prompt":"What is 2+2?","n_predict":2}"#))
  }
}
