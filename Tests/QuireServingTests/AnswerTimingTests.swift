import QuireGeneration
import QuireJSON
import QuireServing
import TestSupport
import Testing

/// `timings` and `prompt_progress` in OpenAI's answers, and the model's own work with them.
@Suite(.timeLimit(.minutes(5)))
struct AnswerTimingTests {
  private static let chatPath = "/v1/chat/completions"
  private static let completionPath = "/v1/completions"

  private static func events(_ path: String, _ members: JSONObject) throws -> [JSONValue] {
    let fixture = try ServerFixture(
      ScriptedGenerator { _ in
        [
          .progress(PromptProgress(promptTokens: 7, cachedTokens: 2, computedTokens: 7, seconds: 0.25)),
          .text("a"), .text("b"), .end(prompt: 7, cached: 2, completion: 2),
        ]
      })
    var all: JSONObject = ["stream": true]
    for member in members.members { all[member.key] = member.value }
    return try fixture.stream(path, path == chatPath ? chatBody(all) : completionBody("x", all))
  }

  @Test(arguments: [chatPath, completionPath]) func theLastEventHasTimings(path: String) throws {
    let plain = try Self.events(path, [:])
    #expect(plain.indices.filter { plain[$0].has("timings") } == [plain.count - 1])
    #expect(plain.last?["timings"]?["cache_n"] == 2 && !plain.contains { $0.has("prompt_progress") })
    let usage = try Self.events(path, ["stream_options": ["include_usage": true]])
    #expect(usage.indices.filter { usage[$0].has("timings") } == [usage.count - 1])
    #expect(usage.last?["choices"] == [] && usage.last?["timings"]?["predicted_n"] == 2)
  }

  @Test(arguments: [chatPath, completionPath]) func everyEventCanHaveTimings(path: String) throws {
    let events = try Self.events(path, ["timings_per_token": true, "return_progress": true])
    let progress = try #require(events.first { $0.has("prompt_progress") })
    #expect(progress["prompt_progress"] == ["total": 7, "cache": 2, "processed": 7, "time_ms": 250.0])
    #expect(progress["timings"]?["prompt_n"] == 5 && progress["timings"]?["prompt_per_second"] == 20.0)
    let later = events.drop { !$0.has("prompt_progress") }
    #expect(later.allSatisfy { $0.has("timings") })
    #expect(later.compactMap { $0["timings"]?["predicted_n"]?.intValue } == [0, 1, 2, 2])
    if path == Self.chatPath { #expect(!events[0].has("timings")) }
  }

  @Test func wholeAnswersHaveTimings() throws {
    let served = try EngineFixture()
    for (path, body) in [
      (Self.chatPath, chatBody(["max_tokens": 4, "ignore_eos": true])),
      (Self.completionPath, completionBody("hello", ["max_tokens": 4, "ignore_eos": true])),
    ] {
      let answer = try served.fixture.post(path, body).json()
      let timings = try #require(answer["timings"]?.objectValue)
      #expect(timings["prompt_n"] == answer["usage"]?["prompt_tokens"] && timings["predicted_n"] == 4)
      for member in timings.members { #expect(try #require(member.value.doubleValue) >= 0) }
      let seconds = try #require(timings["predicted_ms"]?.doubleValue) / 1000
      let speed = try #require(timings["predicted_per_second"]?.doubleValue)
      // The first token comes with the prompt.
      #expect(abs(speed * seconds - 3) < 1e-6)
    }
  }

  /// Several answers run at the same time, so no single time is theirs.
  @Test func severalAnswersHaveNoTimings() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("x"), .end()] })
    #expect(try !fixture.post(Self.chatPath, chatBody(["n": 2])).json().has("timings"))
    #expect(try !fixture.post(Self.completionPath, completionBody(["a", "b"])).json().has("timings"))
  }

  @Test func theProgressOfAPromptIsReported() throws {
    let served = try EngineFixture(EngineOptions(tokenBudget: 16, keepsPrefixes: true))
    let prompt = JSONValue.array((0..<50).map { .int($0 % 5) })
    for cached in [0, 32] {
      let events = try served.fixture.stream(
        Self.completionPath,
        completionBody(prompt, ["max_tokens": 2, "stream": true, "return_progress": true]))
      let progress = events.compactMap { $0["prompt_progress"] }
      #expect(progress.first?["processed"] == .int(cached) && progress.last?["processed"] == 50)
      #expect(progress.allSatisfy { $0["total"] == 50 && $0["cache"] == .int(cached) })
      let processed = progress.compactMap { $0["processed"]?.intValue }
      #expect(processed == processed.sorted() && processed.count >= 3)
    }
  }

  @Test func probabilitiesHaveTwoNames() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    for (body, path) in [
      (chatBody(["n_probs": 3]), Self.chatPath), (chatBody(["n_probs": 0]), Self.chatPath),
      (chatBody(["n_probs": 3, "logprobs": true, "top_logprobs": 3]), Self.chatPath),
      (completionBody("x", ["n_probs": 3]), Self.completionPath),
      (chatBody(["n_probs": 5, "logprobs": true]), Self.chatPath),
      (chatBody(["n_probs": 0, "logprobs": true]), Self.chatPath),
      (chatBody(["n_probs": 0, "logprobs": false]), Self.chatPath),
    ] {
      #expect(try fixture.post(path, body).status == 200)
    }
    #expect(generator.requests.map(\.logprobCount) == [3, nil, 3, 3, 5, 0, nil])
    for (body, path) in [
      (chatBody(["n_probs": 3, "logprobs": true, "top_logprobs": 4]), Self.chatPath),
      (chatBody(["n_probs": 3, "logprobs": false]), Self.chatPath),
      (completionBody("x", ["n_probs": 3, "logprobs": 1]), Self.completionPath),
      (completionBody("x", ["n_probs": 3, "logprobs": false]), Self.completionPath),
    ] {
      let response = try fixture.post(path, body)
      #expect(response.status == 400)
      #expect(try response.json()["error"]?["param"] == "n_probs")
    }
  }
}
