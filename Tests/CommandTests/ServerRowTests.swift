import Foundation
import QuireJSON
import Synchronization
import TestSupport
import Testing

/// Running servers as rows of an evaluation.
@Suite struct ServerRowTests {
  private let place = Workplace()
  private let data = TemporaryFolder()

  private func rows(_ outcome: Tool.Outcome) throws -> [JSONValue] {
    try #require(outcome.status == 0, "\(outcome.errors)")
    return try #require(json(outcome)["rows"]?.arrayValue)
  }

  /// Problems of every way of asking.
  private func tasks() throws -> [String] {
    let lines = try String(
      contentsOfFile: TestPaths.repository + "/recipes/demo/tasks.jsonl", encoding: .utf8
    )
    .split(separator: "\n")
    let some = stride(from: 0, to: lines.count, by: 40).map { lines[$0] + "\n" }.joined()
    let choices = (0..<6).map { index in
      """
      {"question": "What is \(index + 11)+7?", "choices": {"text": ["\(index + 18)", "about 7", "none of them"],
       "label": ["A", "B", "C"]}, "answerKey": "A"}
      """.replacing("\n", with: "") + "\n"
    }
    let letters = (0..<6).map { index in
      #"{"question": "What is \#(index)+1?", "choices": ["\#(index + 1)", "9", "7", "8"], "answer": 0, "subject": ""}"#
        + "\n"
    }
    return [
      "--tasks", data.write(some.utf8, to: "exact.jsonl"), "--tasks",
      data.write(choices.joined().utf8, to: "arc.jsonl") + ":arc", "--tasks",
      data.write(letters.joined().utf8, to: "mmlu.jsonl") + ":mmlu",
    ]
  }

  /// The same pack in this process and through a server: the same answers, question for question.
  @Test func aServedPackHasTheAnswersOfThePack() throws {
    let recipe = place.recipe(#"{ name: "r", steps: [{ step: "quantize", scheme: "int4", group: 32 }] }"#)
    let pack = place.place("own.quire")
    let converted = try BuiltProgram.quire.run(
      "convert", Workplace.demo, "--recipe", recipe, "--output", pack, "--quiet")
    try #require(converted.status == 0, "\(converted.errors)")
    let key = data.write("secret-key\n".utf8, to: "key")
    chmod(key, 0o600)
    let server = try ServedProgram(pack, ["--api-key-file", key])
    let url = "http://127.0.0.1:\(server.port)"
    let words =
      try ["evaluate", pack, "--reference", Workplace.demo, "--server", url] + tasks() + [
        "--thinking-budget", "16", "--text", TestPaths.repository + "/recipes/demo/heldout.txt",
        "--text-tokens", "400", "--no-speed", "--quiet", "--json", "-",
      ]
    let rows = try rows(
      BuiltProgram.quire.run(words + ["--server-key-file", key], seconds: 300))
    #expect(rows.count == 3 && rows[2]["step"] == "server" && rows[2]["row"] == "server-0")
    #expect(rows[2]["label"]?.stringValue == "own at 127.0.0.1:\(server.port)")
    #expect(rows[2]["path"]?.stringValue == url + "/v1")
    // Outcomes of every question, and the lengths of the answers.
    #expect(rows[1]["tasks"] == rows[2]["tasks"] && rows[1]["results"] == rows[2]["results"])
    #expect(rows[2]["tasks"]?["all"]?.objectValue?.keys == ["thinking", "nonThinking", "thinking-16"])
    for key in ["perplexity", "perplexityRatio", "perplexityRatioError"] {
      let own = try #require(rows[1][key]?.doubleValue)
      #expect(abs(try #require(rows[2][key]?.doubleValue) / own - 1) < 1e-5, "\(key)")
    }
    // What a server does not give is not 0.
    for key in ["klMean", "topOneAgreement", "loadSeconds", "peakMemoryBytes", "decodeTokensPerSecond"] {
      #expect(rows[2][key] == .null, "\(key)")
    }
    #expect(rows[2]["weightBytes"] == rows[1]["weightBytes"])
    let refused = try BuiltProgram.quire.run(words)
    expectRefusal(refused, by: "evaluate", ["status 401", "--server-key-file"])
    #expect(!refused.errors.contains("secret-key"))
  }

  /// Answers of a scripted server.
  private static func chat(_ content: String, reasoning: String? = nil) -> ScriptedServer.Reply {
    let thought = reasoning.map { #""reasoning_content": "\#($0)", "# } ?? ""
    return .json(
      200, #"{"choices": [{"message": {\#(thought)"content": "\#(content)"}, "finish_reason": "stop"}]}"#)
  }

  private static let models = ScriptedServer.Reply.json(200, #"{"data": [{"id": "m"}]}"#)

  private func sums(_ count: Int) -> String {
    data.write(
      (0..<count).map { #"{"task": "sum", "prompt": "\#($0)+1?", "answer": "\#($0 + 1)"}"# + "\n" }.joined()
        .utf8,
      to: "sums.jsonl")
  }

  @Test func aServerThatDiesIsNamedAndTheNextRunResumes() throws {
    let isDead = Mutex(true)
    let asked = Mutex(0)
    let server = ScriptedServer { request in
      guard request.line.hasSuffix("chat/completions") else { return Self.models }
      let isOut = asked.withLock { asked in
        if asked >= 5, isDead.withLock({ $0 }) { return true }
        asked += 1
        return false
      }
      return isOut ? .raw("", closes: true) : Self.chat("1")
    }
    let words = [
      "evaluate", place.checkpoint.path, "--server", "http://127.0.0.1:\(server.port)", "--tasks", sums(12),
      "--no-thinking", "--no-text", "--no-speed", "--max-tokens", "2", "--quiet", "--json",
      place.place("r.json"),
    ]
    let outcome = try BuiltProgram.quire.run(words)
    expectRefusal(
      outcome, by: "evaluate", ["127.0.0.1:\(server.port)/v1/chat/completions", "start the server"])
    #expect(place.outputs == ["evaluation-results"])
    isDead.withLock { $0 = false }
    let again = try BuiltProgram.quire.run(words)
    #expect(again.status == 0, "\(again.errors)")
    // No question is asked twice.
    #expect(asked.withLock { $0 } == 12)
    let report = try JSONValue.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: place.place("r.json")))))
    #expect(report["rows"]?[1]?["tasks"]?["sum"]?["nonThinking"]?["accuracy"]?.doubleValue == 1.0 / 12)
  }

  /// Some servers answer a form that they do not know with status 500.
  @Test(arguments: [500, 501])
  func whatAServerCannotDoIsSaidAndStaysEmpty(status: Int) throws {
    let server = ScriptedServer { request in
      if request.line.hasPrefix("GET") { return Self.models }
      if request.line.hasSuffix("/completions"), !request.line.hasSuffix("chat/completions") {
        return .json(status, #"{"error": {"message": "only chats"}}"#)
      }
      return Self.chat("<think>hm</think>3")
    }
    let text = data.write("hello there, hello all\n".utf8, to: "t.txt")
    let outcome = try BuiltProgram.quire.run([
      "evaluate", place.checkpoint.path, "--server", "http://127.0.0.1:\(server.port)", "--tasks", sums(4),
      "--text", text, "--no-speed", "--max-tokens", "2", "--quiet", "--json", "-",
    ])
    let row = try #require(rows(outcome).last)
    #expect(row["tasks"]?["all"]?.objectValue?.keys == ["thinking"])
    // The thought is not a part of the answer: 2+1 is right.
    #expect(row["tasks"]?["all"]?["thinking"]?["outcomes"] == "0010")
    #expect(row["perplexity"] == .null && row["sizeBytes"] == .null && row["bitsPerWeight"] == .null)
    let notes = (row["notes"]?.arrayValue ?? []).compactMap(\.stringValue)
    #expect(
      notes.contains { $0.hasPrefix("no non-thinking answers: it thinks although enable_thinking is false") })
    #expect(
      notes.contains(
        "no perplexity: it gives no log-probabilities of a prompt's tokens: it refuses a request with token ids with "
          + "status \(status): only chats"))
  }

  /// A server that does not think when it is asked to has no answers of that mode, and meets no condition on them.
  @Test func aServerThatNeverThinksHasNoThinkingAnswers() throws {
    func row(_ reply: @escaping @Sendable (Bool) -> ScriptedServer.Reply, _ gate: String) throws -> (
      JSONValue, String, Int32
    ) {
      let server = ScriptedServer { request in
        request.line.hasPrefix("GET")
          ? Self.models : reply(request.body.contains(#""enable_thinking":true"#))
      }
      let outcome = try BuiltProgram.quire.run([
        "evaluate", place.checkpoint.path, "--server", "http://127.0.0.1:\(server.port)", "--tasks", sums(4),
        "--no-text", "--no-speed", "--max-tokens", "2", "--quiet", "--json", "-", "--gate", gate, "--gate",
        "tasks>=0%", "--gate-undecided", "pass",
      ])
      let rows = try JSONValue.parse(outcome.output)["rows"]?.arrayValue
      return (try #require(rows?.last), outcome.errors, outcome.status)
    }
    let (plain, errors, status) = try row({ _ in Self.chat("3") }, "sum.thinking>=0%")
    #expect(plain["tasks"]?["all"]?.objectValue?.keys == ["nonThinking"] && status == 1)
    let note = try #require(plain["notes"]?[0]?.stringValue)
    #expect(note.hasPrefix("no thinking answers: none of its answers has a thought"))
    // Both conditions count.
    #expect(errors.contains("expected sum.thinking>=0%, found no such measurement"), "\(errors)")
    #expect(errors.contains("expected tasks>=0% (thinking), found no such measurement"), "\(errors)")
    // A thought that is counted and not shown is one.
    let (hidden, _, met) = try row(
      { thinks in
        .json(
          200,
          #"{"choices": [{"message": {"content": "3"}, "finish_reason": "stop"}], "#
            + #""usage": {"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": \#(thinks ? 7 : 0)}}}"#
        )
      }, "sum.thinking>=0%")
    #expect(hidden["tasks"]?["all"]?["thinking"]?["outcomes"] == "0010" && met == 0)
    #expect(hidden["notes"]?.arrayValue == [])
  }

  /// A server of another vocabulary calls the tokens something else.
  @Test func anotherVocabularyHasNoPerplexity() throws {
    let server = ScriptedServer { request in
      guard request.line.hasSuffix("v1/completions"),
        let body = try? JSONValue.parse(Array(request.body.utf8)),
        body["echo"] == true, let count = body["prompt"]?.arrayValue?.count
      else { return request.line.hasPrefix("GET") ? Self.models : .json(400, "") }
      let logprobs = ["null"] + [String](repeating: "-1.5", count: count - 1)
      return .json(
        200,
        #"{"choices": [{"text": "other", "logprobs": {"token_logprobs": [\#(logprobs.joined(separator: ", "))]}}]}"#
      )
    }
    let text = data.write("hello there, hello all\n".utf8, to: "t.txt")
    let outcome = try BuiltProgram.quire.run([
      "evaluate", place.checkpoint.path, "--server", "http://127.0.0.1:\(server.port)", "--no-tasks",
      "--text",
      text, "--no-speed", "--quiet", "--json", "-",
    ])
    let row = try #require(rows(outcome).last)
    #expect(row["notes"]?[0] == "no perplexity: its vocabulary is not that of the models here")
    #expect(row["perplexity"] == .null)
  }

  @Test func serversAreCheckedBeforeAnythingIsMeasured() throws {
    func errors(_ words: [String], _ status: Int32) throws -> String {
      let outcome = try BuiltProgram.quire.run(
        ["evaluate", place.checkpoint.path, "--tasks", sums(1), "--quiet"] + words)
      #expect(outcome.status == status && outcome.output == "", "\(words): \(outcome.errors)")
      return outcome.errors
    }
    #expect(try errors(["--server", "127.0.0.1:80"], 2).contains("no http:// or https://"))
    #expect(try errors(["--server-model", "m"], 2).contains("expected --server with it"))
    #expect(try errors(["--server", "http://a", "--server-timeout", "0"], 2).contains("from 1 to 86400"))
    #expect(
      try errors(["--server", "http://a", "--server", "http://b", "--server-model", "m"], 2)
        .contains("expected one for each of the 2 servers"))
    #expect(try errors(["--server", "http://a", "--server-key-file", "/absent"], 1).contains("/absent"))
    let closed = ScriptedServer { _ in Self.models }
    closed.stop()
    #expect(try errors(["--server", "http://127.0.0.1:\(closed.port)"], 1).contains("start the server"))
    let many = ScriptedServer { _ in .json(200, #"{"data": [{"id": "a"}, {"id": "b"}]}"#) }
    #expect(
      try errors(["--server", "http://127.0.0.1:\(many.port)"], 1).contains("2 models (a, b)"))
    let unknown = try errors(["--server", "http://127.0.0.1:\(many.port)", "--server-model", "c"], 1)
    #expect(unknown.contains("expected the model c of --server-model") && unknown.contains("others (a, b)"))
    #expect(place.outputs == [])
  }
}
