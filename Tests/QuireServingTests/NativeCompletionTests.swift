import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// POST /completion, as llama-server's clients use it.
@Suite(.timeLimit(.minutes(5)))
struct NativeCompletionTests {
  private static let path = "/completion"

  private static func body(_ prompt: JSONValue = "hello", _ members: JSONObject = [:]) -> JSONValue {
    var body: JSONObject = ["prompt": prompt]
    for member in members.members { body[member.key] = member.value }
    return .object(body)
  }

  private static func events(_ response: WireResponse) throws -> [JSONValue] {
    #expect(response.status == 200 && !response.text.contains("[DONE]"))
    return try response.text.split(separator: "\n\n").map { try JSONValue.parse(String($0.dropFirst(6))) }
  }

  @Test func anAnswerHasTheMembersThatClientsRead() throws {
    let generator = ScriptedGenerator(contextLength: 99) { _ in
      [
        .text("a\n", logprob: -0.5), .text("b", logprob: -1),
        .end(match: .string("stop"), prompt: 5, cached: 2, completion: 2),
      ]
    }
    let fixture = try ServerFixture(generator)
    let members: JSONObject = [
      "n_predict": 7, "return_tokens": true, "n_probs": 1, "stop": ["stop"], "seed": -1,
    ]
    let answer = try fixture.post(Self.path, Self.body([72, 72, 72, 72, 72], members)).json()
    let expected: JSONObject = [
      "index": 0, "content": "a\nb", "tokens": [65, 65], "stop": true, "id_slot": -1, "tokens_predicted": 2,
      "tokens_evaluated": 5, "model": .string(ServerFixture.modelName),
      "has_new_line": true, "truncated": false, "stop_type": "word", "stopping_word": "stop",
      "tokens_cached": 2,
    ]
    for member in expected.members { #expect(answer[member.key] == member.value, "\(member.key)") }
    #expect(answer["timings"]?["prompt_n"] == 3 && answer["timings"]?["cache_n"] == 2)
    #expect(answer["timings"]?["predicted_n"] == 2)
    #expect(answer["generation_settings"]?["n_predict"] == 7)
    #expect(answer["generation_settings"]?["seed"] == 4_294_967_295)
    #expect(answer["generation_settings"]?["stop"] == ["stop"])
    let probability = try #require(answer["completion_probabilities"]?[0])
    #expect(probability["id"] == 65 && probability["token"] == "a\n" && probability["bytes"] == [97, 10])
    #expect(probability["logprob"] == -0.5 && probability["top_logprobs"]?[0]?["logprob"] == -0.5)
    let request = try #require(generator.requests.first)
    #expect(request.maximumTokens == 7 && request.logprobCount == 1 && request.stopStrings == ["stop"])
    #expect(request.sampling.seed == nil && request.usesPrefixCache)
  }

  /// The fields of both kinds of completion take effect, and those without a place in the answer are reported.
  @Test func fieldsAboutTokensTakeEffect() throws {
    let generator = ScriptedGenerator { _ in [.text("a"), .end()] }
    let fixture = try ServerFixture(generator)
    let members: JSONObject = [
      "allowed_token_ids": [65], "bad_words": ["b"], "skip_special_tokens": false,
      "include_stop_str_in_output": true,
      "truncate_prompt_tokens": 2, "min_tokens": 1, "prompt_logprobs": 1, "return_token_ids": true,
      "return_tokens_as_token_ids": true, "logprob_token_ids": [65],
    ]
    let response = try fixture.post(Self.path, Self.body([72, 73, 74], members))
    #expect(response.status == 200)
    let request = try #require(generator.requests.first)
    #expect(request.allowedTokenIDs == [65] && !request.badWords.isEmpty && request.minimumTokens == 1)
    #expect(request.showsSpecialTokens && request.includesStop && request.promptTokens == [73, 74])
    #expect(
      response.header("X-Quire-Ignored")
        == "prompt_logprobs, return_token_ids, return_tokens_as_token_ids, logprob_token_ids")
  }

  @Test(arguments: [
    (FinishReason.stop, StopMatch?.some(.endOfSequence(7)), "eos"), (.length, nil, "limit"),
    (.timedOut, nil, "limit"), (.stop, .token(3), "eos"), (.stop, .constraint, "eos"),
  ])
  func theEndHasAType(_ reason: FinishReason, _ match: StopMatch?, _ type: String) throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("x"), .end(reason, match: match)] })
    let answer = try fixture.post(Self.path, Self.body()).json()
    #expect(answer["stop_type"] == .string(type) && answer["stopping_word"] == "")
    #expect(answer["tokens"] == [] && !answer.has("completion_probabilities"))
  }

  @Test func aStreamEndsWithItsLastObject() throws {
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in
        [
          .progress(PromptProgress(promptTokens: 5, cachedTokens: 1, computedTokens: 3, seconds: 0.5)),
          .text("a"), .text(""), .text("b"), .text(""), .end(.length, prompt: 5, completion: 4),
        ]
      })
    let plain = try Self.events(fixture.post(Self.path, Self.body("hello", ["stream": true])))
    #expect(plain.map { $0["content"] } == ["a", "b", ""])
    #expect(plain.map { $0["stop"] } == [false, false, true])
    #expect(plain.map { $0["tokens"]?.arrayValue?.count } == [1, 2, 1])
    #expect(plain.map { $0.has("timings") } == [false, false, true])
    #expect(plain.last?["tokens_predicted"] == 4 && plain.last?["stop_type"] == "limit")
    let members: JSONObject = ["stream": true, "timings_per_token": true, "return_progress": true]
    let full = try Self.events(fixture.post(Self.path, Self.body("hello", members)))
    #expect(full.count == 4 && full.allSatisfy { $0.has("timings") })
    #expect(full[0]["prompt_progress"] == ["total": 5, "cache": 1, "processed": 3, "time_ms": 500.0])
    #expect(full[0]["timings"]?["prompt_n"] == 2 && full[0]["content"] == "")
  }

  @Test func promptsHaveManyForms() throws {
    let generator = ScriptedGenerator { _ in [.text("x"), .end()] }
    let fixture = try ServerFixture(generator)
    let tokenizer = try ServerFixture.tokenizer()
    let (a, b) = (tokenizer.encode("ab"), tokenizer.encode("c<|im_end|>"))
    let forms: [(JSONValue, [[Int32]])] = [
      ("ab", [a]), ([1, 2], [[1, 2]]), ([1, "ab", 2, 3, "c<|im_end|>"], [[1] + a + [2, 3] + b]),
      (["ab"], [a]), (["ab", "c<|im_end|>"], [a, b]), ([[1, 2], "ab", ["ab", 4]], [[1, 2], a, a + [4]]),
      (["prompt_string": "ab"], [a]), ([["prompt_string": "ab", "multimodal_data": []], [7]], [a, [7]]),
      ([[1]], [[1]]),
    ]
    for (prompt, expected) in forms {
      let before = generator.requests.count
      let answer = try fixture.post(Self.path, Self.body(prompt)).json()
      #expect(generator.requests.dropFirst(before).map(\.promptTokens) == expected, "\(prompt)")
      #expect((answer.arrayValue?.count ?? 1) == expected.count, "\(prompt)")
    }
    for (prompt, field) in [
      (JSONValue.null, "prompt"), ([], "prompt"), ([[]], "prompt"), (true, "prompt"),
      ([1, nil], "prompt[1]"),
      ([1, 999], "prompt[1]"), ([[1, -1]], "prompt[0][1]"), ([1, 1.5], "prompt[1]"),
      (["prompt_string": 1], "prompt.prompt_string"), ([["a": 1]], "prompt[0].prompt_string"),
      (["prompt_string": "a", "multimodal_data": ["AAAA"]], "prompt.multimodal_data"), ("", "prompt"),
    ] {
      let response = try fixture.post(Self.path, Self.body(prompt))
      #expect(response.status == 400, "\(prompt)")
      #expect(try response.json()["error"]?["param"] == .string(field), "\(prompt)")
    }
    let many = try fixture.post(Self.path, Self.body(["a", "b"], ["n_cmpl": 2])).json()
    #expect(many.arrayValue?.map { $0["index"] } == [0, 1, 2, 3])
    for members in [["n": 3, "n_cmpl": 3], ["n_cmpl": 3, "best_of": 3]] as [JSONObject] {
      #expect(try fixture.post(Self.path, Self.body("a", members)).json().arrayValue?.count == 3)
    }
  }

  @Test func fieldsReachTheEngine() throws {
    let generator = ScriptedGenerator(contextLength: 300) { _ in [.text("x"), .end()] }
    let fixture = try ServerFixture(generator)
    func request(_ members: JSONObject) throws -> GenerationRequest {
      let response = try fixture.post(Self.path, Self.body("hello", members))
      #expect(response.status == 200 && response.header("X-Quire-Ignored") == nil, "\(response.text)")
      return try #require(generator.requests.last)
    }
    let plain = try request([:])
    #expect(
      plain.maximumTokens == 300 - plain.promptTokens.count && plain.decodeSecondsMaximum == nil)
    let sampled = try request([
      "temperature": 0.5, "top_k": 7, "top_p": 0.5, "min_p": 0.1, "repeat_penalty": 1.25, "seed": 9,
      "presence_penalty": 1, "frequency_penalty": -1, "repeat_last_n": -1, "n_probs": 2,
      "post_sampling_probs": true,
    ])
    #expect(sampled.sampling.temperature == 0.5 && sampled.sampling.topK == 7)
    #expect(sampled.sampling.topP == 0.5 && sampled.sampling.minP == 0.1)
    #expect(sampled.sampling.repetitionPenalty == 1.25 && sampled.sampling.seed == 9)
    #expect(sampled.sampling.presencePenalty == 1 && sampled.sampling.frequencyPenalty == -1)
    #expect(sampled.logprobCount == 2 && sampled.logprobSource == .sampler)
    let timed = try request(["t_max_predict_ms": 1500, "cache_prompt": false, "ignore_eos": true])
    #expect(timed.decodeSecondsMaximum == 1.5 && !timed.usesPrefixCache && timed.ignoresEndOfSequence)
    #expect(try request(["seed": 4_294_967_295]).sampling.seed == nil)
    #expect(try request(["grammar": "root ::= \"a\""]).constraint != nil)
    #expect(try request(["json_schema": ["type": "null"]]).constraint != nil)
    _ = try request([
      "id_slot": 3, "n_keep": 5,
      "samplers": ["dry", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
      "mirostat": 0, "dry_base": 1.75, "xtc_threshold": 0.1, "repeat_last_n": 64, "t_max_predict_ms": 0,
    ])
  }

  static let refused: [(JSONObject, String)] = [
    (["mirostat": 2], "mirostat"), (["dry_multiplier": 0.8], "dry_multiplier"),
    (["lora": [["id": 0]]], "lora"),
    (["samplers": ["top_k"]], "samplers"), (["samplers": "kpt"], "samplers"), (["samplers": [1]], "samplers"),
    (["repeat_penalty": 1.1, "repeat_last_n": 64], "repeat_last_n"),
    (["repeat_penalty": 0], "repeat_penalty"),
    (["n_predict": -2], "n_predict"), (["n_predict": 5, "max_tokens": 6], "max_tokens"),
    (["n_probs": 21], "n_probs"), (["n_probs": "x"], "n_probs"),
    (["t_max_predict_ms": -2], "t_max_predict_ms"),
    (["response_fields": "content"], "response_fields"), (["response_fields": [1]], "response_fields"),
    (["n_cmpl": 9], "n_cmpl"), (["n": 2, "n_cmpl": 3], "n_cmpl"), (["n_cmpl": 3, "best_of": 2], "best_of"),
    (["cache_prompt": 1], "cache_prompt"), (["suffix": "x"], "suffix"),
    (["grammar": "root ::= \"a\"", "json_schema": [:]], "grammar"), (["logit_bias": [[1]]], "logit_bias[0]"),
    (["logit_bias": [[1, true]]], "logit_bias[0][1]"), (["logit_bias": [[1, 101]]], "logit_bias[0][1]"),
    (["logit_bias": [[-1, 1]]], "logit_bias[0][0]"), (["logit_bias": [[nil, 1]]], "logit_bias[0][0]"),
    (["logit_bias": ["999": 1]], "logit_bias"), (["logit_bias": 1], "logit_bias"),
  ]

  @Test(arguments: refused)
  func valuesThatCannotBeObeyedAreRefused(_ members: JSONObject, _ field: String) throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    let response = try fixture.post(Self.path, Self.body("x", members))
    #expect(response.status == 400, "\(members)")
    let error = try #require(try response.json()["error"])
    #expect(error["param"] == .string(field))
    #expect(error["message"]?.stringValue?.contains("expected ") == true)
  }

  @Test func biasesHaveManyForms() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let ids = try ServerFixture.tokenizer().encode("ab")
    func biases(_ path: String, _ value: JSONValue) throws -> [Int32: Float] {
      let response = try fixture.post(path, Self.body("x", ["logit_bias": value]))
      #expect(response.status == 200, "\(response.text)")
      return try #require(generator.requests.last).sampling.logitBias
    }
    for path in [Self.path, "/v1/completions"] {
      #expect(try biases(path, [[7, 1.5], [8, false], [7, -2]]) == [7: -2, 8: -.infinity])
      #expect(try biases(path, ["7": 1.5, "8": false, "9": nil]) == [7: 1.5, 8: -.infinity, 9: 0])
      #expect(try biases(path, []) == [:])
    }
    let texts = Dictionary(uniqueKeysWithValues: Set(ids).map { ($0, Float(-1)) })
    #expect(try biases(Self.path, [["ab", -1]]) == texts)
    #expect(try biases(Self.path, ["ab": -1]) == texts)
    let openAI = try fixture.post("/v1/completions", Self.body("x", ["logit_bias": [["ab", -1]]]))
    #expect(openAI.status == 400)
  }

  @Test func onlyWantedMembersAreReturned() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("x"), .end()] })
    let fields: JSONValue = [
      "content", "generation_settings/n_predict", "nothing", "timings/none", "prompt/x",
    ]
    let answer = try fixture.post(
      Self.path, Self.body("hello", ["n_predict": 3, "response_fields": fields])
    ).json()
    #expect(answer == ["content": "x", "generation_settings/n_predict": 3])
  }

  /// The token that the engine needs for a prompt that stays in the cache is not shown.
  @Test func aPromptAloneCanBeComputed() throws {
    let served = try EngineFixture(EngineOptions(keepsPrefixes: true))
    let prompt = JSONValue.array((0..<70).map { .int($0 % 7) })
    let first = try served.fixture.post(Self.path, Self.body(prompt, ["n_predict": 0])).json()
    #expect(first["content"] == "" && first["tokens_predicted"] == 0 && first["stop_type"] == "limit")
    #expect(first["timings"]?["predicted_n"] == 0 && first["timings"]?["prompt_n"] == 70)
    let second = try served.fixture.post(Self.path, Self.body(prompt, ["n_predict": 2, "ignore_eos": true]))
      .json()
    #expect(second["tokens_cached"] == 64 && second["tokens_predicted"] == 2)
    let without: JSONObject = ["n_predict": 2, "cache_prompt": false]
    #expect(try served.fixture.post(Self.path, Self.body(prompt, without)).json()["tokens_cached"] == 0)
  }

  @Test func theContextCutsAnAnswer() throws {
    let served = try EngineFixture(EngineOptions(contextLength: 40))
    let members: JSONObject = ["ignore_eos": true, "return_tokens": true]
    let answer = try served.fixture.post(Self.path, Self.body([1, 2, 3], members)).json()
    #expect(answer["truncated"] == true && answer["stop_type"] == "limit")
    #expect(answer["tokens_predicted"] == 37 && answer["tokens"]?.arrayValue?.count == 37)
    let cut = try served.fixture.post(Self.path, Self.body([1, 2, 3], ["ignore_eos": true, "n_predict": 5]))
    #expect(try cut.json()["truncated"] == false)
  }

  @Test func probabilitiesAfterSamplingAddUpToOne() throws {
    let served = try EngineFixture()
    let members: JSONObject = [
      "n_predict": 5, "n_probs": 5, "post_sampling_probs": true, "temperature": 1, "top_k": 4,
      "ignore_eos": true, "logit_bias": [[1, false]],
    ]
    let answer = try served.fixture.post(Self.path, Self.body([1, 2, 3], members)).json()
    let tokens = try #require(answer["completion_probabilities"]?.arrayValue)
    #expect(tokens.count == 5)
    for token in tokens {
      let top = try #require(token["top_probs"]?.arrayValue)
      let sum = top.compactMap { $0["prob"]?.doubleValue }.reduce(0, +)
      #expect(top.count <= 5 && abs(sum - 1) < 1e-5 && token["id"] != 1)
      let own = try #require(top.first { $0["id"] == token["id"] })
      #expect(own["prob"] == token["prob"] && !token.has("logprob"))
    }
    var greedy = members
    greedy["temperature"] = 0
    let certain = try served.fixture.post(Self.path, Self.body([1, 2, 3], greedy)).json()
    #expect(certain["completion_probabilities"]?.arrayValue?.allSatisfy { $0["prob"] == 1.0 } == true)
  }

  @Test func failuresKeepTheirForm() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("x"), .end(.failed("expected y; z"))] })
    let events = try Self.events(fixture.post(Self.path, Self.body("hello", ["stream": true])))
    #expect(events.last?["error"]?["message"] == "expected y; z")
    let other = try fixture.post(Self.path, Self.body("x", ["model": "other"]))
    #expect(other.status == 404)
  }
}
