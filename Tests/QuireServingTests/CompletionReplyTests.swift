import QuireGeneration
import QuireJSON
import QuireText
import TestSupport
import Testing

/// What a text completion looks like on the wire.
@Suite(.timeLimit(.minutes(5)))
struct CompletionReplyTests {
  private static let path = "/v1/completions"

  @Test func wholeAnswers() throws {
    let generator = ScriptedGenerator { _ in
      [.text("a"), .text("b"), .end(.length, prompt: 5, completion: 2)]
    }
    let fixture = try ServerFixture(generator)
    let answer = try fixture.post(Self.path, completionBody()).json()
    #expect(answer["object"] == "text_completion")
    #expect(answer["id"]?.stringValue?.hasPrefix("cmpl-") == true)
    #expect(
      answer["choices"] == [
        [
          "index": 0, "text": "ab", "logprobs": nil, "finish_reason": "length", "stop_reason": nil,
          "token_ids": nil, "prompt_token_ids": nil, "prompt_logprobs": nil,
        ]
      ])
    #expect(answer["usage"]?["completion_tokens"] == 2)
    let request = try #require(generator.requests.first)
    #expect(request.maximumTokens == 16)
    #expect(request.chatFormat == nil)
  }

  @Test func promptsComeInFourForms() throws {
    let generator = ScriptedGenerator { request in
      [.text("\(request.promptTokens.count)"), .end(completion: 1)]
    }
    let fixture = try ServerFixture(generator)
    let forms: [(JSONValue, [JSONValue])] = [
      ("xyz", ["3"]), ([1, 2], ["2"]), (["x", "yz"], ["1", "2"]), ([[1, 2, 3], [4]], ["3", "1"]),
    ]
    for (prompt, texts) in forms {
      let answer = try fixture.post(Self.path, completionBody(prompt)).json()
      let choices = try #require(answer["choices"]?.arrayValue)
      #expect(choices.map { $0["text"] } == texts)
      #expect(choices.map { $0["index"] } == texts.indices.map { .int($0) })
      let promptTokens = texts.compactMap { Int($0.stringValue ?? "") }.reduce(0, +)
      #expect(answer["usage"]?["prompt_tokens"] == .int(promptTokens))
    }
  }

  @Test func choicesOfOnePromptStandTogether() throws {
    let generator = ScriptedGenerator { request in
      [.text("\(request.promptTokens[0]).\(request.sampling.seed ?? 0)"), .end()]
    }
    let fixture = try ServerFixture(generator)
    let answer = try fixture.post(Self.path, completionBody([[1], [2]], ["n": 2, "seed": 0, "best_of": 2]))
      .json()
    #expect(answer["choices"]?.arrayValue?.map { $0["text"] } == ["1.0", "1.1", "2.0", "2.1"])
  }

  @Test func streamsEndWithTheReason() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("a"), .text(""), .text("b"), .end()] })
    let events = try fixture.stream(
      Self.path, completionBody("x", ["stream": true, "stream_options": ["include_usage": true]]))
    #expect(events.dropLast().map { $0["choices"]?[0]?["text"] } == ["a", "b", ""])
    #expect(events.dropLast().map { $0["choices"]?[0]?["finish_reason"] } == [.null, .null, "stop"])
    #expect(events.last?["choices"] == [])
    #expect(events.last?["usage"]?["completion_tokens"] == 3)
  }

  @Test func theTokenThatReachesTheLimitBringsTheReason() throws {
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in [.text("a"), .text("b"), .end(.length, completion: 2)] })
    let events = try fixture.stream(Self.path, completionBody("x", ["stream": true, "max_tokens": 2]))
    #expect(events.map { $0["choices"]?[0]?["text"] } == ["a", "b"])
    #expect(events.map { $0["choices"]?[0]?["finish_reason"] } == [.null, "length"])
  }

  /// The way lm-eval asks for log-likelihoods.
  @Test func echoWithLogprobsCoversPromptAndAnswer() throws {
    let generator = ScriptedGenerator { request in
      let prompt = request.promptTokens.enumerated().map { index, id in
        let bytes = ArraySlice("t\(id)".utf8)
        let other = TokenAlternative(id: 200, bytes: [0x7A], logprob: -0.25)
        return index == 0
          ? TokenRecord(id: id, bytes: bytes)
          : TokenRecord(id: id, bytes: bytes, logprob: -Float(index), top: [other])
      }
      let best = TokenAlternative(id: 5, bytes: [0x62], logprob: -0.125)
      let answer = TokenRecord(id: 5, bytes: [0x62], logprob: -0.125, top: [best])
      return [
        .prompt(tokens: prompt), .delta(AnswerParts(content: "b"), token: answer),
        .end(.length, completion: 1),
      ]
    }
    let fixture = try ServerFixture(generator)
    let members: JSONObject = ["echo": true, "logprobs": 1, "max_tokens": 1, "temperature": 0]
    let choice = try fixture.post(Self.path, completionBody([[97, 98, 99]], members)).json()[
      "choices"]?[0]
    #expect(choice?["text"] == "abcb")
    #expect(
      choice?["logprobs"] == [
        "tokens": ["t97", "t98", "t99", "b"],
        "token_logprobs": [nil, -1.0, -2.0, -0.125],
        "top_logprobs": [nil, ["t98": -1.0, "z": -0.25], ["t99": -2.0, "z": -0.25], ["b": -0.125]],
        "text_offset": [0, 3, 6, 9],
      ])
    let request = try #require(generator.requests.first)
    #expect(request.wantsPromptLogprobs)
    #expect(request.logprobCount == 1)
    #expect(request.maximumTokens == 1)
  }

  @Test func nothingButTheEcho() throws {
    let generator = ScriptedGenerator { request in
      [
        .prompt(tokens: request.promptTokens.map { TokenRecord(id: $0, bytes: [UInt8($0)]) }),
        .end(.length, completion: 0),
      ]
    }
    let fixture = try ServerFixture(generator)
    let choice = try fixture.post(Self.path, completionBody("xyz", ["echo": true, "max_tokens": 0]))
      .json()["choices"]?[0]
    #expect(choice?["text"] == "xyz")
    #expect(choice?["logprobs"] == JSONValue.null)
    #expect(generator.requests.first?.maximumTokens == 0)
    let streamed = try fixture.stream(
      Self.path, completionBody("xyz", ["echo": true, "max_tokens": 0, "stream": true]))
    #expect(streamed.compactMap { $0["choices"]?[0]?["text"]?.stringValue }.joined() == "xyz")
  }

  @Test func tokensThatShareTheirBytesDoNotHideEachOther() throws {
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in
        let top = [
          TokenAlternative(id: 1, bytes: [65], logprob: -1),
          TokenAlternative(id: 2, bytes: [65], logprob: -2),
        ]
        return [
          .delta(
            AnswerParts(content: "A"), token: TokenRecord(id: 2, bytes: [65], logprob: -2, top: top)),
          .end(),
        ]
      })
    let names = try fixture.post(Self.path, completionBody("x", ["logprobs": 2])).json()[
      "choices"]?[0]
    #expect(names?["logprobs"]?["top_logprobs"] == [["A": -2.0, "token_id:1": -1.0]])
    let members: JSONObject = ["logprobs": 2, "return_tokens_as_token_ids": true]
    let ids = try fixture.post(Self.path, completionBody("x", members)).json()["choices"]?[0]
    #expect(ids?["logprobs"]?["tokens"] == ["token_id:2"])
    #expect(ids?["logprobs"]?["top_logprobs"] == [["token_id:2": -2.0, "token_id:1": -1.0]])
  }
}
