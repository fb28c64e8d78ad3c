import Foundation
import QuireJSON
import TestSupport
import Testing

/// Every field that the server's page names is read by the built program: those of the tables with an example of what
/// they take, those without effect and the neutral ones with the value that the page gives.
@Suite struct DocumentedFieldTests {
  private static let chatPath = "/v1/chat/completions"
  private static let completionPath = "/v1/completions"

  /// What each field of the tables takes.
  private static let examples: [String: JSONValue] = [
    "model": "demo", "temperature": 0.5, "top_p": 0.9, "top_k": -1, "min_p": 0.1, "presence_penalty": 1,
    "frequency_penalty": -1, "repetition_penalty": 1.1, "logit_bias": ["7": -100], "seed": 7,
    "max_time": 30, "cache_prompt": false, "timings_per_token": true, "return_progress": true, "n_probs": 0,
    "stop": ["a", "b"],
    "stop_token_ids": [5], "ignore_eos": true, "n": 2, "best_of": 1, "stream": false,
    "stream_options": ["include_usage": true], "max_tokens": 2, "max_completion_tokens": 2, "n_predict": 2,
    "chat_template_kwargs": ["enable_thinking": false], "enable_thinking": false,
    "thinking": ["type": "disabled"],
    "think": false, "reasoning": ["effort": "none"], "reasoning_effort": "none", "include_reasoning": false,
    "tools": [["type": "function", "function": ["name": "f"]]], "tool_choice": "auto",
    "parallel_tool_calls": false,
    "logprobs": true, "top_logprobs": 0, "add_generation_prompt": true, "continue_final_message": false,
    "messages": [["role": "user", "content": "hi"]], "prompt": [1, 2], "echo": true,
    "return_tokens_as_token_ids": true, "response_format": ["type": "json_object"],
    "structured_outputs": ["choice": ["a"]], "guided_json": [:], "guided_regex": "a+", "guided_choice": ["a"],
    "guided_grammar": "root ::= \"a\"", "json_schema": ["type": "null"], "grammar": "root ::= \"a\"",
    "regex": "a",
    "ebnf": "root ::= \"a\"", "max_output_tokens": 2, "repeat_penalty": 1.1, "repeat_last_n": 64,
    "thinking_token_budget": 1, "thinking_budget": 0, "thinking_budget_tokens": 100, "reasoning_budget": -1,
    "reasoning_budget_tokens": 5, "min_tokens": 1, "allowed_token_ids": [5, 6], "bad_words": ["ab"],
    "logprob_token_ids": [7], "prompt_logprobs": 1, "return_token_ids": true, "skip_special_tokens": false,
    "include_stop_str_in_output": true, "truncate_prompt_tokens": -1, "truncation_side": "left",
    "verbose": true, "chat_template": "default", "documents": [],
  ]

  private static func sections() throws -> [String: [[String]]] {
    let page = try String(
      contentsOfFile: TestPaths.repository + "/Sources/QuireServing/Interface.md", encoding: .utf8)
    var sections: [String: [[String]]] = [:]
    for section in page.components(separatedBy: "\n## ").dropFirst() {
      let lines = section.split(separator: "\n")
      sections[String(lines[0])] = lines.filter { $0.hasPrefix("|") }.dropFirst(2).map { row in
        row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      }
    }
    return sections
  }

  private static func names(_ cell: some StringProtocol) -> [String] {
    String(cell).matches(of: /`(\w+)`/).map { String($0.1) }
  }

  private static func status(_ server: ServedProgram, _ path: String, _ name: String, _ value: JSONValue)
    throws
    -> Int
  {
    var body: JSONObject = ["max_tokens": 1]
    if path == chatPath {
      body["messages"] = [["role": "user", "content": "hi"]]
    } else {
      body["prompt"] = "x"
    }
    if ["max_completion_tokens", "max_output_tokens", "n_predict"].contains(name) {
      body["max_tokens"] = nil
    }
    if name == "echo" && path == chatPath {
      body["continue_final_message"] = true
      body["messages"] = [["role": "user", "content": "hi"], ["role": "assistant", "content": "Well"]]
    }
    body[name] = value
    return try server.post(path, .object(body)).status
  }

  @Test func everyFieldOfTheTablesIsTaken() throws {
    let place = Workplace()
    let server = try ServedProgram(place.pack(), ["--model-name", "demo"])
    let sections = try Self.sections()
    var count = 0
    for (title, paths) in [
      ("Both kinds of completion", [Self.chatPath, Self.completionPath]), ("Chats", [Self.chatPath]),
      ("Raw prompts", [Self.completionPath]),
    ] {
      for row in try #require(sections[title]) {
        for name in Self.names(row[0]) {
          let example = try #require(Self.examples[name], "no example of \(name)")
          for path in paths {
            let value = path == Self.completionPath && name == "logprobs" ? 2 : example
            #expect(try Self.status(server, path, name, value) == 200, "\(name) \(value)")
            count += 1
          }
        }
      }
    }
    #expect(count > 50)
  }

  @Test func everyNeutralValueIsTaken() throws {
    let place = Workplace()
    let server = try ServedProgram(place.pack())
    let sections = try Self.sections()
    var count = 0
    for row in try #require(sections["Accepted only with the value that changes nothing"]) {
      let value = try Self.value(row[1])
      for part in row[0].split(separator: ";") {
        let paths =
          part.contains("in chats")
          ? [Self.chatPath]
          : part.contains("for raw prompts") ? [Self.completionPath] : [Self.chatPath, Self.completionPath]
        for name in Self.names(part) {
          for path in paths {
            #expect(try Self.status(server, path, name, value) == 200, "\(name) \(value)")
            #expect(try Self.status(server, path, name, ["x": 7, "y": 8]) == 400, "\(name)")
            count += 1
          }
        }
      }
    }
    #expect(count > 100)
  }

  /// The first value of a cell such as `0`, `"auto" or "deepseek"`, or `none`.
  private static func value(_ cell: String) throws -> JSONValue {
    let text = cell.components(separatedBy: " or ")[0].replacing("`", with: "").replacing("−", with: "-")
    return text == "none" ? .null : try JSONValue.parse(Array(text.utf8))
  }
}
