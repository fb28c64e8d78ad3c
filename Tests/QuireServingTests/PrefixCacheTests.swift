import QuireGeneration
import QuireJSON
import QuireServing
import TestSupport
import Testing

/// How answers, metrics and usage report the prefix cache.
@Suite(.timeLimit(.minutes(5)))
struct PrefixCacheTests {
  private static let chatPath = "/v1/chat/completions"

  private func cached(_ answer: JSONValue) -> Int? {
    answer["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.intValue
  }

  private func turn(_ messages: [JSONValue], _ members: JSONObject = [:]) -> JSONValue {
    var all: JSONObject = [
      "messages": .array(messages), "temperature": 0, "max_tokens": 20, "ignore_eos": true,
    ]
    for member in members.members { all[member.key] = member.value }
    return chatBody(all)
  }

  /// The second turn sends the answer without its reasoning, as clients do, and reports how many tokens were cached.
  @Test func theSecondTurnReusesTheFirst() throws {
    let served = try EngineFixture(EngineOptions(keepsPrefixes: true))
    let question: JSONValue = [
      "role": "user", "content": .string(String(repeating: "Why is it so? ", count: 12)),
    ]
    let first = try served.fixture.post(Self.chatPath, turn([question])).json()
    #expect(cached(first) == 0)
    let promptTokens = try #require(first["usage"]?["prompt_tokens"]?.intValue)
    let history: [JSONValue] = [
      question, ["role": "assistant", "content": "So."], ["role": "user", "content": "And then?"],
    ]
    let second = try served.fixture.post(Self.chatPath, turn(history)).json()
    let reused = try #require(cached(second))
    #expect(reused % 32 == 0 && reused > promptTokens - 32 - 3, "\(reused) of \(promptTokens)")

    let plain = try EngineFixture()
    let whole = try plain.fixture.post(Self.chatPath, turn(history)).json()
    #expect(cached(whole) == 0)
    #expect(second["choices"]?[0]?["message"] == whole["choices"]?[0]?["message"])

    let events = try served.fixture.stream(
      Self.chatPath, turn(history, ["stream": true, "n": 2, "stream_options": ["include_usage": true]]))
    #expect(
      cached(try #require(events.last))
        == second["usage"]?["prompt_tokens"]?.intValue.map { ($0 - 1) / 32 * 32 })
    let page = try served.fixture.get("/metrics").text.split(separator: "\n")
    #expect(page.contains("quire:prefix_cache_requests_total{result=\"hit\"} 3"))
    #expect(page.contains("quire:prefix_cache_requests_total{result=\"miss\"} 1"))
    let metrics = served.engine.metrics
    #expect(page.contains("quire:prefix_cache_hits_total \(metrics.prefixHitTokenCount)"))
    #expect(page.contains("quire:prefix_cache_queries_total \(metrics.prefixQueryTokenCount)"))
  }

  @Test func echoesBypassIt() throws {
    let served = try EngineFixture(EngineOptions(keepsPrefixes: true))
    let text = JSONValue.string(String(repeating: "abcdefgh", count: 12))
    for echo in [false, true, true, false] {
      let answer = try served.fixture.post(
        "/v1/completions", completionBody(text, ["max_tokens": 1, "temperature": 0, "echo": .bool(echo)])
      ).json()
      let expected = served.engine.metrics.prefixQueryCount == 2 ? 64 : 0
      #expect(cached(answer) == expected, "echo \(echo)")
    }
    #expect(served.engine.metrics.prefixQueryCount == 2)
  }

  /// Several prompts of several choices: each prompt counts once, with the cached tokens of its first choice.
  @Test func promptsCountOnce() throws {
    let generator = ScriptedGenerator { request in
      [.end(.length, cached: request.promptTokens.count + Int(request.sampling.seed ?? 0))]
    }
    let fixture = try ServerFixture(generator)
    let answer = try fixture.post(
      "/v1/completions", completionBody([[1, 2, 3], [4, 5]], ["n": 3, "seed": 10])
    ).json()
    #expect(cached(answer) == 13 + 12)
    let events = try fixture.stream(
      "/v1/completions",
      completionBody(
        [[1, 2, 3]],
        [
          "stream": true, "stream_options": ["include_usage": true, "continuous_usage_stats": true],
          "seed": 1,
        ]))
    #expect(events.map { cached($0) } == [4, 4], "known when the choice has ended")
  }
}
