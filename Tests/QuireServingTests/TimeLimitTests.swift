import QuireGeneration
import QuireJSON
import QuireServing
import TestSupport
import Testing

/// `max_time`.
@Suite(.timeLimit(.minutes(5)))
struct TimeLimitTests {
  private static let path = "/v1/completions"

  @Test func anAnswerOutOfTimeSaysSo() throws {
    let served = try EngineFixture(EngineOptions(maximumSlots: 1), endless: true)
    let body = completionBody("x", ["max_tokens": 390_000, "ignore_eos": true, "max_time": 0.3])
    let answer = try served.fixture.post(Self.path, body).json()
    #expect(answer["choices"]?[0]?["finish_reason"] == "length")
    #expect(answer["choices"]?[0]?["stop_reason"] == "max_time")
    #expect(try #require(answer["usage"]?["completion_tokens"]?.intValue) > 0)
    #expect(served.engine.metrics.timedOutCount == 1)
  }

  @Test func withoutATokenItIsRefused() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end(.timedOut, completion: 0)] })
    let response = try fixture.post(Self.path, completionBody("x", ["max_time": 1]))
    #expect(response.status == 503)
    #expect(response.header("Retry-After") == "1")
    #expect(try response.json()["error"]?["code"] == "time_over")
  }

  @Test(arguments: [0, -1, "soon", 1e10] as [JSONValue]) func otherValuesAreRefused(value: JSONValue) throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let response = try fixture.post(Self.path, completionBody("x", ["max_time": value]))
    #expect(response.status == 400)
    #expect(try response.json()["error"]?["param"] == "max_time")
  }
}
