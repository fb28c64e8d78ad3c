import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// What a chat completion looks like on the wire, for events that a model would produce.
@Suite(.timeLimit(.minutes(5)))
struct ChatReplyTests {
  private static let path = "/v1/chat/completions"
  private static let thought: [GenerationEvent] = [
    .text(reasoning: "Let me "), .text(reasoning: "see."), .text("It is "), .text("blue."),
    .end(completion: 9, reasoning: 5),
  ]

  @Test func wholeAnswersKeepTheThoughtApart() throws {
    let generator = ScriptedGenerator { _ in Self.thought }
    let fixture = try ServerFixture(generator)
    let response = try fixture.post(Self.path, chatBody())
    let promptTokens = try #require(generator.requests.first?.promptTokens.count)
    #expect(response.status == 200)
    let answer = try response.json()
    #expect(answer["object"] == "chat.completion")
    #expect(answer["model"] == "tiny/qwen3")
    #expect(answer["id"]?.stringValue?.hasPrefix("chatcmpl-") == true)
    let choice = try #require(answer["choices"]?[0])
    #expect(choice["index"] == 0)
    #expect(choice["finish_reason"] == "stop")
    #expect(choice["logprobs"] == JSONValue.null)
    #expect(
      choice["message"] == [
        "role": "assistant", "content": "It is blue.", "reasoning_content": "Let me see.",
        "reasoning": "Let me see.",
      ])
    #expect(
      answer["usage"] == [
        "prompt_tokens": .int(promptTokens), "completion_tokens": 9, "total_tokens": .int(promptTokens + 9),
        "prompt_tokens_details": ["cached_tokens": 0],
        "completion_tokens_details": ["reasoning_tokens": 5],
      ])
  }

  @Test func streamsBeginWithTheRoleAndEndWithTheReason() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in Self.thought })
    let events = try fixture.stream(Self.path, chatBody(["stream": true]))
    #expect(events.map { $0["object"] } == [JSONValue](repeating: "chat.completion.chunk", count: 6))
    #expect(Set(events.map { $0["id"]?.stringValue }).count == 1)
    #expect(
      events.map { $0["choices"]?[0]?["delta"] } == [
        ["role": "assistant", "content": nil],
        ["reasoning_content": "Let me ", "reasoning": "Let me "],
        ["reasoning_content": "see.", "reasoning": "see."],
        ["content": "It is "], ["content": "blue."], [:],
      ])
    #expect(
      events.map { $0["choices"]?[0]?["finish_reason"] } == [.null, .null, .null, .null, .null, "stop"])
    #expect(events.allSatisfy { !$0.has("usage") })
  }

  @Test func usageComesLastAndWithoutChoices() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in Self.thought })
    let events = try fixture.stream(
      Self.path, chatBody(["stream": true, "stream_options": ["include_usage": true]]))
    #expect(events.last?["choices"] == [])
    #expect(events.last?["usage"]?["completion_tokens"] == 9)
    let repeated = try fixture.stream(
      Self.path,
      chatBody(["stream": true, "stream_options": ["include_usage": true, "continuous_usage_stats": true]]))
    #expect(repeated.map { $0["usage"]?["completion_tokens"] } == [0, 1, 2, 3, 4, 9, 9])
    let reasoning = repeated.map { $0["usage"]?["completion_tokens_details"]?["reasoning_tokens"] }
    #expect(reasoning == [0, 1, 2, 2, 2, 5, 5])
    let alone = try fixture.stream(
      Self.path, chatBody(["stream": true, "stream_options": ["continuous_usage_stats": true]]))
    #expect(alone.count == 6 && alone.allSatisfy { !$0.has("usage") })
  }

  @Test func logprobsAreNullInChunksWithoutTokens() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("a", logprob: -1), .end()] })
    let members: JSONObject = ["stream": true, "logprobs": true]
    let chat = try fixture.stream(Self.path, chatBody(members)).map { $0["choices"]?[0]?["logprobs"] }
    #expect(chat.count == 3 && chat[0] == .null && chat[1] != .null && chat[2] == .null)
    let text = try fixture.stream("/v1/completions", completionBody("x", ["stream": true, "logprobs": 1])).map
    {
      $0["choices"]?[0]?["logprobs"]
    }
    #expect(text.count == 2 && text[0] != .null && text[1] == .null)
  }

  @Test func theModelsOwnSamplingIsTheDefault() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator) { options in
      options.samplingDefaults =
        (try? SamplingDefaults(generationConfiguration: ["temperature": 0.25, "top_k": 5]))
        ?? SamplingDefaults()
    }
    #expect(try fixture.post(Self.path, chatBody()).status == 200)
    #expect(try fixture.post(Self.path, chatBody(["reasoning_effort": "none"])).status == 200)
    #expect(try fixture.post("/v1/completions", completionBody("x")).status == 200)
    #expect(try fixture.post(Self.path, chatBody(["temperature": 1, "top_k": 0])).status == 200)
    let found = generator.requests.map(\.sampling)
    #expect(found.map(\.temperature) == [0.25, 0.25, 0.25, 1])
    #expect(found.map(\.topK) == [5, 5, 5, 0])
    #expect(found.map(\.topP) == [0.95, 0.8, 0.95, 0.95])
  }

  @Test(arguments: [true, false])
  func thoughtsAreLeftOutWhenAsked(isStreamed: Bool) throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in Self.thought })
    let body = chatBody(["include_reasoning": false, "stream": .bool(isStreamed)])
    if isStreamed {
      let events = try fixture.stream(Self.path, body)
      #expect(
        events.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.stringValue }.joined() == "It is blue.")
      #expect(events.allSatisfy { $0["choices"]?[0]?["delta"]?.has("reasoning_content") == false })
    } else {
      let message = try fixture.post(Self.path, body).json()["choices"]?[0]?["message"]
      #expect(message?["reasoning_content"] == JSONValue.null)
      #expect(message?["content"] == "It is blue.")
    }
  }

  @Test func reasonsForStoppingAreNamed() throws {
    let ends: [(FinishReason, StopMatch?, JSONValue, JSONValue)] = [
      (.length, nil, "length", .null), (.stop, .endOfSequence(1), "stop", .null),
      (.stop, .string("\n"), "stop", "\n"), (.stop, .token(42), "stop", 42),
    ]
    for (reason, match, name, detail) in ends {
      let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("a"), .end(reason, match: match)] })
      let choice = try fixture.post(Self.path, chatBody()).json()["choices"]?[0]
      #expect(choice?["finish_reason"] == name)
      #expect(choice?["stop_reason"] == detail)
    }
  }

  @Test func severalChoicesHaveTheirOwnSeedsAndIndices() throws {
    let generator = ScriptedGenerator { request in
      [.text("seed \(request.sampling.seed ?? 0)"), .end(completion: 2)]
    }
    let fixture = try ServerFixture(generator)
    let answer = try fixture.post(Self.path, chatBody(["n": 3, "seed": 5])).json()
    let choices = try #require(answer["choices"]?.arrayValue)
    #expect(choices.map { $0["index"] } == [0, 1, 2])
    #expect(choices.map { $0["message"]?["content"] } == ["seed 5", "seed 6", "seed 7"])
    #expect(answer["usage"]?["completion_tokens"] == 6)
    let promptTokens = try #require(generator.requests.first?.promptTokens.count)
    #expect(answer["usage"]?["prompt_tokens"] == .int(promptTokens))
    let events = try fixture.stream(Self.path, chatBody(["n": 2, "stream": true]))
    #expect(events.map { $0["choices"]?[0]?["index"] } == [0, 1, 0, 0, 1, 1])
  }

  @Test(arguments: [true, false])
  func logprobsCoverEveryToken(isStreamed: Bool) throws {
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in
        // The second token ends inside a character: its text comes with the third.
        let halves = [
          TokenRecord(id: 1, bytes: [0xC3], logprob: -.infinity),
          TokenRecord(id: 2, bytes: [0xA9], logprob: -2),
        ]
        return [
          .text("a", logprob: -0.5), .delta(AnswerParts(), token: halves[0]),
          .delta(AnswerParts(content: "é"), token: halves[1]), .end(),
        ]
      })
    let body = chatBody(["logprobs": true, "top_logprobs": 1, "stream": .bool(isStreamed)])
    let lists: [JSONValue]
    if isStreamed {
      lists = try fixture.stream(Self.path, body).compactMap { $0["choices"]?[0]?["logprobs"] }
    } else {
      lists = [try #require(try fixture.post(Self.path, body).json()["choices"]?[0]?["logprobs"])]
    }
    let entries = lists.flatMap { $0["content"]?.arrayValue ?? [] }
    #expect(entries.map { $0["token"] } == ["a", "bytes:\\xc3", "bytes:\\xa9"])
    #expect(entries.map { $0["logprob"] } == [-0.5, -9999.0, -2.0])
    #expect(entries.map { $0["bytes"] } == [[97], [0xC3], [0xA9]])
    #expect(entries[0]["top_logprobs"] == [["token": "a", "logprob": -0.5, "bytes": [97]]])
    #expect(entries[1]["top_logprobs"] == [])
  }

  /// Clients such as guidance join the tokens of a chunk with content to the content.
  @Test func logprobsOfContentAreThoseOfItsTokens() throws {
    @Sendable func silent(_ text: String) -> GenerationEvent {
      .delta(
        AnswerParts(), token: TokenRecord(id: 9, bytes: ArraySlice(text.utf8), logprob: -1, isReasoning: true)
      )
    }
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in
        [
          .text(reasoning: "t", logprob: -1), silent("\n"), silent("</think>"), silent("\n\n"),
          .text("a", logprob: -1), .text("b", logprob: -1), .end(),
        ]
      })
    let chunks = try fixture.stream(Self.path, chatBody(["logprobs": true, "stream": true]))
      .compactMap { $0["choices"]?[0] }
    func tokens(_ chunk: JSONValue) -> String {
      (chunk["logprobs"]?["content"]?.arrayValue ?? []).map { $0["token"]?.stringValue ?? "" }.joined()
    }
    #expect(chunks.map(tokens).joined() == "t\n</think>\n\nab")
    for chunk in chunks {
      guard let content = chunk["delta"]?["content"]?.stringValue else { continue }
      #expect(tokens(chunk) == content)
    }
  }

  @Test func fieldsReachTheEngine() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let members: JSONObject = [
      "temperature": 0.25, "top_p": 0.5, "top_k": -1, "min_p": 0.125, "presence_penalty": -1,
      "frequency_penalty": 0.5, "repetition_penalty": 1.5, "seed": -1, "logit_bias": ["7": -100, "8": 2.5],
      "stop": ["x", "y"], "stop_token_ids": [9], "ignore_eos": true, "max_completion_tokens": 12,
      "max_tokens": nil, "logprobs": true, "user": "me", "metadata": ["a": 1], "store": true,
    ]
    #expect(try fixture.post(Self.path, chatBody(members)).status == 200)
    let request = try #require(generator.requests.first)
    let expected = SamplingParameters(
      temperature: 0.25, topP: 0.5, topK: 0, minP: 0.125, presencePenalty: -1, frequencyPenalty: 0.5,
      repetitionPenalty: 1.5, seed: UInt64.max, logitBias: [7: -100, 8: 2.5])
    #expect(request.sampling == expected)
    #expect(request.stopStrings == ["x", "y"])
    #expect(request.stopTokenIDs == [9])
    #expect(request.ignoresEndOfSequence)
    #expect(request.maximumTokens == 12)
    #expect(request.logprobCount == 0)
    #expect(request.chatFormat == .qwen3 && !request.splitsToolCalls)
    #expect(!request.wantsPromptLogprobs)
  }

  @Test func defaultsFollowTheMode() throws {
    let generator = ScriptedGenerator(contextLength: 400) { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let off: JSONObject = ["chat_template_kwargs": ["enable_thinking": false]]
    for members in [[:], off, ["reasoning_effort": "none"], ["reasoning_effort": "high"]] {
      #expect(try fixture.post(Self.path, chatBody(members)).status == 200)
    }
    let requests = generator.requests
    #expect(
      requests.map(\.sampling) == [
        .recommended(.thinking), .recommended(.nonThinking), .recommended(.nonThinking),
        .recommended(.thinking),
      ])
    // In non-thinking mode the prompt ends with a closed thought; the rest of the context is for the answer.
    #expect(requests[1].promptTokens.count > requests[0].promptTokens.count)
    #expect(requests[1].promptTokens == requests[2].promptTokens)
    #expect(requests.allSatisfy { $0.maximumTokens == 400 - $0.promptTokens.count })
  }

  @Test func contentMayBeParts() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let parts: JSONValue = [["type": "text", "text": "a"], ["type": "text", "text": "b"]]
    for content in [parts, "a\nb"] {
      let messages: JSONValue = [
        ["role": "developer", "content": "rules"], ["role": "user", "content": content],
      ]
      #expect(try fixture.post(Self.path, chatBody(["messages": messages])).status == 200)
    }
    #expect(generator.requests[0].promptTokens == generator.requests[1].promptTokens)
  }

  // MARK: Tool calls

  private static let tools: JSONObject = [
    "tools": [["type": "function", "function": ["name": "weather", "parameters": ["type": "object"]]]]
  ]
  private static let calling: [GenerationEvent] = [
    .text(reasoning: "I need it."), .text("I will look."), .text(""),
    .call("weather", ["city": "Paris"]), .call("weather", [:]), .end(),
  ]

  @Test func callsAreTakenOutOfTheContent() throws {
    let generator = ScriptedGenerator { _ in Self.calling }
    let fixture = try ServerFixture(generator)
    let choice = try fixture.post(Self.path, chatBody(Self.tools)).json()["choices"]?[0]
    #expect(generator.requests.allSatisfy { $0.splitsToolCalls })
    #expect(choice?["finish_reason"] == "tool_calls")
    #expect(choice?["message"]?["content"] == "I will look.")
    #expect(choice?["message"]?["reasoning_content"] == "I need it.")
    let calls = try #require(choice?["message"]?["tool_calls"]?.arrayValue)
    #expect(
      calls.map { $0["function"] } == [
        ["name": "weather", "arguments": "{\"city\": \"Paris\"}"], ["name": "weather", "arguments": "{}"],
      ])
    #expect(calls.allSatisfy { $0["type"] == "function" && !$0.has("index") })
    #expect(Set(calls.compactMap { $0["id"]?.stringValue }).count == 2)
  }

  @Test func callsAreStreamedOneByOne() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in Self.calling })
    var members = Self.tools
    members["stream"] = true
    let events = try fixture.stream(Self.path, chatBody(members))
    let deltas = events.compactMap { $0["choices"]?[0]?["delta"] }
    #expect(deltas.compactMap { $0["content"]?.stringValue }.joined() == "I will look.")
    let calls = deltas.compactMap { $0["tool_calls"]?[0] }
    #expect(calls.map { $0["index"] } == [0, 0, 1, 1])
    #expect(calls.map { $0["function"]?["arguments"] } == ["", "{\"city\": \"Paris\"}", "", "{}"])
    #expect(calls.map { $0["function"]?.has("name") } == [true, false, true, false])
    #expect(calls.map { $0.has("id") && $0.has("type") } == [true, false, true, false])
    let reasons = events.compactMap { $0["choices"]?[0]?["finish_reason"]?.stringValue }
    #expect(reasons == ["tool_calls"])
  }

  /// Two choices whose calls arrive token by token, in turns.
  @Test(arguments: [true, false])
  func argumentsAreStreamedInPieces(allowsParallel: Bool) throws {
    let generator = ScriptedGenerator()
    let fixture = try ServerFixture(generator)
    var members = Self.tools
    members["parallel_tool_calls"] = .bool(allowsParallel)
    members["n"] = 2
    members["stream"] = true
    let client = SocketClient(port: fixture.port)
    client.send(requestText("POST", Self.path, body: chatBody(members).serialized()))
    #expect(eventually { generator.requests.count == 2 })
    let parts: [(String?, String)] = [
      ("weather", ""), (nil, "{\"a\""), (nil, ": 1}"), ("time", "{}"), ("weather", "{"), (nil, "}"),
    ]
    for part in parts {
      for choice in 0..<2 { generator.emit([.callPart(part.0, part.1)], to: choice) }
    }
    generator.emit([.text("x"), .end()], to: 0)
    generator.emit([.end(.length)], to: 1)
    let events = try #require(client.readResponse()).events()
    for choice in 0..<2 {
      let own = events.compactMap { $0["choices"]?[0] }.filter { $0["index"] == .int(choice) }
      var calls: [(name: String, arguments: String)] = []
      for delta in own.compactMap({ $0["delta"]?["tool_calls"] }) {
        #expect(delta.arrayValue?.count == 1)
        let function = try #require(delta[0]?["function"])
        if let name = function["name"]?.stringValue { calls.append((name, "")) }
        #expect(delta[0]?["index"] == .int(calls.count - 1))
        calls[calls.count - 1].arguments += try #require(function["arguments"]?.stringValue)
      }
      #expect(calls.map(\.name) == (allowsParallel ? ["weather", "time", "weather"] : ["weather"]))
      #expect(calls.map(\.arguments) == (allowsParallel ? ["{\"a\": 1}", "{}", "{}"] : ["{\"a\": 1}"]))
      #expect(own.last?["finish_reason"] == (choice == 0 ? "tool_calls" : "length"))
    }
  }

  @Test func withoutToolsTagsAreText() throws {
    let generator = ScriptedGenerator { _ in [.text("<tool_call>{}</tool_call>"), .end()] }
    let fixture = try ServerFixture(generator)
    var choiceless = Self.tools
    choiceless["tool_choice"] = "none"
    for members in [[:], choiceless] {
      let choice = try fixture.post(Self.path, chatBody(members)).json()["choices"]?[0]
      #expect(choice?["finish_reason"] == "stop")
      #expect(choice?["message"]?["content"] == "<tool_call>{}</tool_call>")
    }
    #expect(generator.requests.allSatisfy { !$0.splitsToolCalls })
  }

  @Test func contentIsNullBesideCallsOnly() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.call("weather", [:]), .end(.length)] })
    let choice = try fixture.post(Self.path, chatBody(Self.tools)).json()["choices"]?[0]
    #expect(choice?["message"]?["content"] == JSONValue.null)
    // An answer that was cut off may lack calls: that is what its reason says.
    #expect(choice?["finish_reason"] == "length")
    let empty = try ServerFixture(ScriptedGenerator { _ in [.text(reasoning: "hm"), .end(.length)] })
    #expect(try empty.post(Self.path, chatBody()).json()["choices"]?[0]?["message"]?["content"] == "")
  }

  @Test func historyIsReadAsTheModelWroteIt() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let tokenizer = try ServerFixture.tokenizer()
    let messages: JSONValue = [
      ["role": "user", "content": "Weather?"],
      [
        "role": "assistant", "content": nil, "reasoning_content": "Look.", "reasoning": "Look.",
        "refusal": nil,
        "tool_calls": [
          [
            "id": "call_1", "type": "function",
            "function": ["name": "weather", "arguments": "{\"city\":\"Paris\"}"],
          ]
        ],
      ],
      ["role": "tool", "tool_call_id": "call_1", "content": "Sunny. <|im_end|>"],
    ]
    #expect(try fixture.post(Self.path, chatBody(["messages": messages])).status == 200)
    let tokens = try #require(generator.requests.first?.promptTokens)
    let text = String(decoding: tokenizer.decode(tokens), as: UTF8.self)
    #expect(text.contains("<think>\nLook.\n</think>"))
    #expect(
      text.contains(
        "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>"))
    #expect(text.contains("<tool_response>\nSunny. <|im_end|>\n</tool_response>"))
    // Three turns end; what the tool said ends none.
    #expect(tokens.count { Int($0) == TinyTokenizer.endOfTurn } == 3)
  }
}
