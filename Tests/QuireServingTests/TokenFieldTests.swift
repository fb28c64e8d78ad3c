import QuireGeneration
import QuireJSON
import QuireText
import TestSupport
import Testing

/// The fields of vLLM about single tokens, in both kinds of completion.
@Suite(.timeLimit(.minutes(5)))
struct TokenFieldTests {
  private static let chatPath = "/v1/chat/completions"
  private static let completionPath = "/v1/completions"

  /// What the engine is asked for.
  private static func requests(_ members: JSONObject) throws -> [GenerationRequest] {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    for (path, body) in [
      (chatPath, chatBody(members)), (completionPath, completionBody("x", members)),
    ] {
      let response = try fixture.post(path, body)
      #expect(response.status == 200, "\(members): \(response.text)")
    }
    return generator.requests
  }

  @Test func fieldsReachTheEngine() throws {
    for request in try Self.requests([
      "min_tokens": 5, "allowed_token_ids": [3, 4], "logprob_token_ids": [7, 8], "prompt_logprobs": 2,
      "skip_special_tokens": false, "include_stop_str_in_output": true, "max_output_tokens": 11,
      "repeat_penalty": 1.25, "bad_words": ["ab", " a", ""],
    ]) {
      #expect(request.minimumTokens == 5 && request.maximumTokens == 11)
      #expect(request.allowedTokenIDs == [3, 4] && request.logprobTokenIDs == [7, 8])
      #expect(request.logprobCount == 0 && request.promptLogprobCount == 2 && request.wantsPromptLogprobs)
      #expect(request.showsSpecialTokens && request.includesStop)
      #expect(request.sampling.repetitionPenalty == 1.25)
      // Each alone and after a space, where " a" is a single token.
      #expect(request.badWords == [[97, 98], [262, 98], [97], [262]])
    }
    for request in try Self.requests(["bad_words": [], "truncation_side": "right"]) {
      #expect(request.allowedTokenIDs == nil && request.badWords.isEmpty && request.minimumTokens == 0)
      #expect(!request.showsSpecialTokens && !request.includesStop && !request.wantsPromptLogprobs)
    }
  }

  @Test func longPromptsAreCutOnRequest() throws {
    let generator = ScriptedGenerator(contextLength: 50) { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let prompt = JSONValue.array((0..<60).map { .int($0) })
    func kept(_ members: JSONObject) throws -> [Int32] {
      let response = try fixture.post(Self.completionPath, completionBody(prompt, members))
      #expect(response.status == 200, "\(response.text)")
      return try #require(generator.requests.last).promptTokens
    }
    #expect(try kept(["truncate_prompt_tokens": 4]) == [56, 57, 58, 59])
    #expect(try kept(["truncate_prompt_tokens": 3, "truncation_side": "right"]) == [0, 1, 2])
    #expect(try kept(["truncate_prompt_tokens": -1]) == Array(26..<60))
    #expect(try kept(["truncate_prompt_tokens": -1, "max_tokens": 1]) == Array(11..<60))
    #expect(try kept(["truncate_prompt_tokens": -1, "max_tokens": 1000]) == [59])
    for members: JSONObject in [[:], ["truncate_prompt_tokens": 9_223_372_036_854_775_807]] {
      let error = try fixture.post(Self.completionPath, completionBody(prompt, members)).json()["error"]
      #expect(error?["code"] == "context_length_exceeded")
    }
    let echo = try fixture.post(
      Self.completionPath, completionBody("abcdef", ["truncate_prompt_tokens": 2, "echo": true])
    ).json()
    #expect(echo["choices"]?[0]?["text"] == "ef" && echo["usage"]?["prompt_tokens"] == 2)
    let chat = try fixture.post(Self.chatPath, chatBody(["truncate_prompt_tokens": 5])).json()
    #expect(chat["usage"]?["prompt_tokens"] == 5)
  }

  @Test(
    arguments: [
      (["min_tokens": -1], "min_tokens"), (["min_tokens": 9, "max_tokens": 8], "min_tokens"),
      (["allowed_token_ids": [273]], "allowed_token_ids[0]"),
      (["allowed_token_ids": "x"], "allowed_token_ids"), (["bad_words": [5]], "bad_words[0]"),
      (["bad_words": "x"], "bad_words"),
      (["bad_words": .array([JSONValue](repeating: "x", count: 501))], "bad_words"),
      (["logprob_token_ids": [-1]], "logprob_token_ids[0]"),
      (["logprob_token_ids": .array([JSONValue](repeating: 1, count: 129))], "logprob_token_ids"),
      (["prompt_logprobs": 21], "prompt_logprobs"), (["prompt_logprobs": -1], "prompt_logprobs"),
      (["prompt_logprobs": 1, "stream": true], "prompt_logprobs"),
      (["truncate_prompt_tokens": 0], "truncate_prompt_tokens"),
      (["truncation_side": "top"], "truncation_side"), (["return_token_ids": 1], "return_token_ids"),
      (["repeat_penalty": 1.5, "repetition_penalty": 1.2], "repeat_penalty"),
      (["max_output_tokens": 5, "max_tokens": 6], "max_output_tokens"),
    ] as [(JSONObject, String)])
  func wrongValuesAreRefused(members: JSONObject, field: String) throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    for (path, body) in [
      (Self.chatPath, chatBody(members)), (Self.completionPath, completionBody("x", members)),
    ] {
      let response = try fixture.post(path, body)
      #expect(response.status == 400)
      #expect(try response.json()["error"]?["param"] == .string(field), "\(response.text)")
    }
  }

  // MARK: Answers

  private static func answering() throws -> ServerFixture {
    try ServerFixture(
      ScriptedGenerator { request in
        let prompt = request.promptTokens.enumerated().map { index, id in
          let top = [TokenAlternative(id: 98, bytes: [98], logprob: -0.5)]
          return index == 0
            ? TokenRecord(id: id, bytes: [97])
            : TokenRecord(id: id, bytes: [99], logprob: -2, top: top, rank: 3)
        }
        return (request.wantsPromptLogprobs ? [.prompt(tokens: prompt)] : []) + [
          .delta(AnswerParts(content: "x"), token: TokenRecord(id: 120, bytes: [120], logprob: -1)),
          .delta(AnswerParts(), token: TokenRecord(id: 7, bytes: [7], logprob: -1)),
          .end(),
        ]
      })
  }

  @Test func tokenIDsAreReturned() throws {
    let fixture = try Self.answering()
    let members: JSONObject = ["return_token_ids": true, "n": 2]
    let chat = try fixture.post(Self.chatPath, chatBody(members)).json()
    #expect(chat["choices"]?.arrayValue?.map { $0["token_ids"] } == [[120, 7], [120, 7]])
    #expect(chat["prompt_token_ids"]?.arrayValue?.count == chat["usage"]?["prompt_tokens"]?.intValue)
    let text = try fixture.post(Self.completionPath, completionBody([[5, 6], [8]], members)).json()
    #expect(
      text["choices"]?.arrayValue?.map { $0["token_ids"] } == [JSONValue](repeating: [120, 7], count: 4))
    #expect(text["choices"]?.arrayValue?.map { $0["prompt_token_ids"] } == [[5, 6], [5, 6], [8], [8]])
  }

  /// Clients of vLLM read these members without asking whether they are there.
  @Test func withoutTheFieldsTheirMembersAreNull() throws {
    let fixture = try Self.answering()
    let chat = try fixture.post(Self.chatPath, chatBody()).json()
    for name in ["prompt_token_ids", "prompt_logprobs"] { #expect(chat.has(name) && chat[name] == .null) }
    #expect(chat["choices"]?[0]?["token_ids"] == JSONValue.null)
    let choice = try #require(
      try fixture.post(Self.completionPath, completionBody()).json()["choices"]?[0])
    for name in ["prompt_token_ids", "token_ids", "prompt_logprobs"] {
      #expect(choice.has(name) && choice[name] == .null)
    }
    let events = try fixture.stream(Self.chatPath, chatBody(["stream": true]))
    #expect(events.allSatisfy { !$0.has("prompt_token_ids") && $0["choices"]?[0]?.has("token_ids") == false })
  }

  @Test func streamsReturnTokenIDsOnce() throws {
    let fixture = try Self.answering()
    let members: JSONObject = ["return_token_ids": true, "stream": true]
    let chat = try fixture.stream(Self.chatPath, chatBody(members))
    #expect(chat.map { $0.has("prompt_token_ids") } == [true, false, false])
    #expect(chat.map { $0["choices"]?[0]?["token_ids"] } == [[], [120], [7]])
    let text = try fixture.stream(Self.completionPath, completionBody([5, 6], members))
    #expect(text.map { $0["choices"]?[0]?["token_ids"] } == [[120], [7]])
    #expect(text.map { $0["choices"]?[0]?["prompt_token_ids"] } == [[5, 6], nil])
  }

  @Test func promptLogprobsHaveTheFormOfVLLM() throws {
    let fixture = try Self.answering()
    let members: JSONObject = ["prompt_logprobs": 1]
    let expected: JSONValue = [
      nil,
      [
        "6": ["logprob": -2.0, "rank": 3, "decoded_token": "c"],
        "98": ["logprob": -0.5, "rank": 1, "decoded_token": "b"],
      ],
    ]
    let text = try fixture.post(Self.completionPath, completionBody([5, 6], members)).json()
    #expect(text["choices"]?[0]?["prompt_logprobs"] == expected)
    #expect(text["choices"]?[0]?["text"] == "x" && text["choices"]?[0]?["logprobs"] == .null)
    let chat = try fixture.post(Self.chatPath, chatBody(members)).json()
    #expect(chat["prompt_logprobs"]?.arrayValue?.count == chat["usage"]?["prompt_tokens"]?.intValue)
    #expect(chat["prompt_logprobs"]?[0] == .null && chat["prompt_logprobs"]?[1]?["98"]?["rank"] == 1)
    let none = try fixture.post(Self.completionPath, completionBody([5, 6], ["prompt_logprobs": 0])).json()
    #expect(none["choices"]?[0]?["prompt_logprobs"]?[1]?.objectValue?.count == 1)
    // An echo has its own number of alternatives.
    let echo = try fixture.post(
      Self.completionPath, completionBody([5, 6], ["prompt_logprobs": 1, "echo": true, "logprobs": 0])
    ).json()["choices"]?[0]
    #expect(echo?["logprobs"]?["top_logprobs"]?[1] == ["c": -2.0] && echo?["prompt_logprobs"] == expected)
  }

  @Test func chatsNameTokensByID() throws {
    let fixture = try Self.answering()
    let members: JSONObject = ["logprobs": true, "return_tokens_as_token_ids": true]
    let entries = try fixture.post(Self.chatPath, chatBody(members)).json()["choices"]?[0]?["logprobs"]?[
      "content"]
    #expect(entries?.arrayValue?.map { $0["token"] } == ["token_id:120", "token_id:7"])
    #expect(entries?[0]?["bytes"] == [120])
  }

  /// A real engine: the numbers of the two forms are the same, and chosen tokens are listed.
  @Test func promptLogprobsAreThoseOfTheEcho() throws {
    let fixture = try EngineFixture().fixture
    let members: JSONObject = [
      "prompt_logprobs": 3, "echo": true, "logprobs": 3, "max_tokens": 2, "temperature": 0,
      "return_tokens_as_token_ids": true, "return_token_ids": true,
    ]
    let choice = try #require(
      try fixture.post(Self.completionPath, completionBody("hello all", members)).json()["choices"]?[0])
    let prompt = try #require(choice["prompt_logprobs"]?.arrayValue)
    let ids = try #require(choice["prompt_token_ids"]?.arrayValue)
    #expect(prompt.count == ids.count && prompt[0] == .null)
    for (index, id) in ids.enumerated().dropFirst() {
      let entry = prompt[index]["\(try #require(id.intValue))"]
      #expect(entry?["logprob"] == choice["logprobs"]?["token_logprobs"]?[index])
      #expect(entry?["rank"]?.intValue ?? 0 >= 1)
    }
    let chosen = try fixture.post(
      Self.chatPath,
      chatBody([
        "logprob_token_ids": [65, 66], "max_tokens": 3, "return_tokens_as_token_ids": true,
        "allowed_token_ids": [70], "enable_thinking": false,
      ])
    ).json()["choices"]?[0]?["logprobs"]?["content"]?.arrayValue
    #expect(chosen?.count == 3)
    for entry in chosen ?? [] {
      #expect(entry["token"] == "token_id:70")
      #expect(
        entry["top_logprobs"]?.arrayValue?.map { $0["token"] } == [
          "token_id:70", "token_id:65", "token_id:66",
        ])
    }
  }
}
