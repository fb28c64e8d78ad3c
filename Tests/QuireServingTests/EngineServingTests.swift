import Foundation
import QuireGeneration
import QuireJSON
import QuireServing
import Synchronization
import TestSupport
import Testing

/// The whole way from socket to model and back. The model is random: what it says does not matter, that it says
/// the same every time does.
@Suite(.timeLimit(.minutes(10)))
struct EngineServingTests {
  private static let chatPath = "/v1/chat/completions"
  private static let completionPath = "/v1/completions"

  private static func greedy(_ members: JSONObject = [:]) -> JSONObject {
    var all: JSONObject = ["temperature": 0, "max_tokens": 40, "ignore_eos": true]
    for member in members.members { all[member.key] = member.value }
    return all
  }

  @Test(arguments: [true, false])
  func streamsSayWhatWholeAnswersSay(thinks: Bool) throws {
    let served = try EngineFixture()
    let kwargs: JSONValue = ["enable_thinking": .bool(thinks)]
    let fixture = served.fixture
    let answer = try fixture.post(Self.chatPath, chatBody(Self.greedy(["chat_template_kwargs": kwargs])))
      .json()
    let message = answer["choices"]?[0]?["message"]
    #expect(answer["usage"]?["completion_tokens"] == 40)
    #expect(answer["choices"]?[0]?["finish_reason"] == "length")
    let events = try fixture.stream(
      Self.chatPath,
      chatBody(
        Self.greedy([
          "chat_template_kwargs": kwargs, "stream": true, "stream_options": ["include_usage": true],
        ])))
    let deltas = events.compactMap { $0["choices"]?[0]?["delta"] }
    #expect(
      deltas.compactMap { $0["reasoning_content"]?.stringValue }.joined()
        == message?["reasoning_content"]?.stringValue ?? "")
    #expect(deltas.compactMap { $0["content"]?.stringValue }.joined() == message?["content"]?.stringValue)
    #expect(events.last?["usage"] == answer["usage"])
    if !thinks { #expect(message?["reasoning_content"] == JSONValue.null) }
  }

  @Test func sixteenAtOnceSayWhatEachSaysAlone() throws {
    let served = try EngineFixture(EngineOptions(maximumSlots: 16, tokenBudget: 48))
    let fixture = served.fixture
    let prompts = (0..<16).map { index in String(repeating: "Question \(index)? ", count: 1 + index % 5) }
    @Sendable func answer(_ prompt: String) throws -> [UInt8] {
      let body = completionBody(.string(prompt), Self.greedy(["stream": true]))
      let texts = try fixture.stream(Self.completionPath, body).compactMap {
        $0["choices"]?[0]?["text"]?.stringValue
      }
      return Array(texts.joined().utf8)
    }
    let alone = try prompts.map(answer)
    #expect(Set(alone).count == 16, "a model that says the same to everyone would prove nothing")
    let together = Mutex([[UInt8]](repeating: [], count: 16))
    let threads = prompts.indices.map { index in
      Thread {
        let bytes = (try? answer(prompts[index])) ?? []
        together.withLock { $0[index] = bytes }
      }
    }
    for thread in threads { thread.start() }
    #expect(eventually(within: 120) { threads.allSatisfy(\.isFinished) })
    #expect(together.withLock { $0 } == alone)
  }

  /// One call for many answers shares the slots with others, and what is computed twice for that stays the same.
  @Test func aLargeCallKeepsNobodyWaiting() throws {
    let served = try EngineFixture(EngineOptions(maximumSlots: 2, tokenBudget: 48))
    let fixture = served.fixture
    let prompts = (0..<8).map { JSONValue.string("Question \($0)? ") }
    let large = completionBody(.array(prompts), Self.greedy(["n": 2, "max_tokens": 160]))
    let small = completionBody("Something else?", Self.greedy())
    func texts(_ answer: JSONValue) -> [String?] {
      answer["choices"]?.arrayValue?.map { $0["text"]?.stringValue } ?? []
    }
    let alone = (
      texts(try fixture.post(Self.completionPath, large).json()),
      texts(try fixture.post(Self.completionPath, small).json())
    )
    #expect(alone.0.count == 16)
    // On a busy machine the small call may arrive when a slot has just become free, and then nothing gives way.
    var finishedMeanwhile = 0
    for _ in 0..<20 where served.engine.metrics.preemptionCount == 0 {
      let client = SocketClient(port: fixture.port)
      client.send(requestText("POST", Self.completionPath, body: large.serialized()))
      #expect(eventually { served.engine.metrics.runningCount == 2 })
      let finishedBefore = served.engine.metrics.lengthCount
      #expect(texts(try fixture.post(Self.completionPath, small).json()) == alone.1)
      finishedMeanwhile = served.engine.metrics.lengthCount - finishedBefore
      #expect(texts(try #require(client.readResponse()).json()) == alone.0)
    }
    #expect(served.engine.metrics.preemptionCount >= 1)
    // In order of arrival it would have been the last of seventeen.
    #expect(finishedMeanwhile < 15)
  }

  @Test(arguments: [true, false])
  func aClientThatLeavesFreesItsSlot(isStreamed: Bool) throws {
    let served = try EngineFixture(EngineOptions(maximumSlots: 1), endless: true)
    let client = SocketClient(port: served.fixture.port)
    let body = completionBody("x", ["max_tokens": 390_000, "ignore_eos": true, "stream": .bool(isStreamed)])
    client.send(requestText("POST", Self.completionPath, body: body.serialized()))
    #expect(eventually { served.engine.metrics.runningCount == 1 })
    client.close()
    #expect(eventually { served.engine.metrics.cancelledCount == 1 })
    #expect(served.engine.metrics.runningCount == 0)
    #expect(try served.fixture.post(Self.completionPath, completionBody()).status == 200)
  }

  @Test func aClientThatLeavesTheLineIsForgotten() throws {
    let served = try EngineFixture(EngineOptions(maximumSlots: 1, maximumWaiting: 1), endless: true)
    let long = completionBody("x", ["max_tokens": 390_000, "ignore_eos": true]).serialized()
    let clients = (0..<2).map { _ in SocketClient(port: served.fixture.port) }
    for (index, client) in clients.enumerated() {
      client.send(requestText("POST", Self.completionPath, body: long))
      #expect(
        eventually { served.engine.metrics.runningCount + served.engine.metrics.waitingCount == index + 1 })
    }
    let refused = try served.fixture.post(Self.completionPath, completionBody())
    #expect(refused.status == 429)
    #expect(refused.header("Retry-After") == "1")
    clients[1].close()
    #expect(eventually { served.engine.metrics.waitingCount == 0 })
    #expect(served.engine.metrics.runningCount == 1)
    clients[0].close()
    #expect(eventually { served.engine.metrics.cancelledCount == 2 })
  }

  @Test func drainingLetsStreamsFinish() throws {
    let served = try EngineFixture()
    let clients = (0..<4).map { _ in SocketClient(port: served.fixture.port) }
    let body = completionBody("x", Self.greedy(["max_tokens": 300, "stream": true])).serialized()
    for client in clients { client.send(requestText("POST", Self.completionPath, body: body)) }
    for client in clients { #expect(client.readHead()?.status == 200) }
    let server = served.fixture.server
    Thread { server.drainAndStop(patience: .seconds(120)) }.start()
    for client in clients {
      #expect(client.readUntil("data: [DONE]\n\n") != nil)
      #expect(client.readUntil("0\r\n\r\n") != nil)
    }
    #expect(eventually { server.unansweredCount == 0 })
    #expect(served.engine.metrics.lengthCount == 4)
    #expect(served.engine.metrics.cancelledCount == 0)
  }

  @Test func scoresWhatIsEchoed() throws {
    let fixture = try EngineFixture().fixture
    let members: JSONObject = ["echo": true, "logprobs": 3, "max_tokens": 1, "temperature": 0]
    let answer = try fixture.post(
      Self.completionPath, completionBody([[104, 101, 108, 112], [65]], members)
    ).json()
    let choices = try #require(answer["choices"]?.arrayValue)
    for (choice, count) in zip(choices, [5, 2]) {
      let logprobs = try #require(choice["logprobs"])
      let values = try #require(logprobs["token_logprobs"]?.arrayValue)
      let tops = try #require(logprobs["top_logprobs"]?.arrayValue)
      #expect(values.count == count && tops.count == count)
      #expect(values[0] == JSONValue.null && tops[0] == JSONValue.null)
      for (value, top) in zip(values, tops).dropFirst() {
        let best = try #require(top.objectValue?.members.compactMap(\.value.doubleValue).max())
        #expect(try #require(value.doubleValue) <= best)
        #expect((3...4).contains(try #require(top.objectValue?.count)))
      }
      // The generated token is greedy, so it is the best: the very same number in both places.
      let best = tops[count - 1].objectValue?.members.compactMap(\.value.doubleValue).max()
      #expect(values[count - 1].doubleValue == best)
    }
    let scored = try fixture.post(
      Self.completionPath,
      completionBody([104, 101, 108, 112], ["echo": true, "logprobs": 3, "max_tokens": 0])
    ).json()
    let lists = choices[0]["logprobs"]?["token_logprobs"]?.arrayValue?.dropLast()
    #expect(scored["choices"]?[0]?["logprobs"]?["token_logprobs"]?.arrayValue == lists.map(Array.init))
  }

  @Test func stopStringsAndSeeds() throws {
    let fixture = try EngineFixture().fixture
    func text(_ members: JSONObject) throws -> String {
      let answer = try fixture.post(Self.completionPath, completionBody("hello", members)).json()
      return try #require(answer["choices"]?[0]?["text"]?.stringValue)
    }
    let seeded: JSONObject = [
      "temperature": 1, "top_k": 0, "top_p": 1, "seed": 3, "max_tokens": 40, "ignore_eos": true,
    ]
    let first = try text(seeded)
    #expect(try text(seeded) == first)
    let ascii = try #require(first.unicodeScalars.first { $0.isASCII && $0.value > 32 })
    var stopping = seeded
    stopping["stop"] = .string(String(Character(ascii)))
    let scalars = first.unicodeScalars.prefix { $0 != ascii }
    #expect(try text(stopping) == String(String.UnicodeScalarView(scalars)))
  }

  @Test func promptsMustFitTheContext() throws {
    let served = try EngineFixture(EngineOptions(contextLength: 64))
    let ids: JSONValue = .array([JSONValue](repeating: 65, count: 64))
    let response = try served.fixture.post(Self.completionPath, completionBody(ids))
    #expect(response.status == 400)
    #expect(
      try response.json()["error"]?["message"]?.stringValue
        == "expected a prompt of fewer tokens than the context holds, found one that exceeds the available context "
        + "size: this model's maximum context length is 64 tokens, and the prompt has 64; shorten the prompt or raise "
        + "the context with --context")
    // One token less leaves room for one token.
    let fitting: JSONValue = .array([JSONValue](repeating: 65, count: 63))
    let answer = try served.fixture.post(Self.completionPath, completionBody(fitting, ["ignore_eos": true]))
      .json()
    #expect(answer["usage"]?["completion_tokens"] == 1)
    #expect(answer["choices"]?[0]?["finish_reason"] == "length")
  }
}
