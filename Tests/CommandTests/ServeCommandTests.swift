import Foundation
import QuireJSON
import TestSupport
import Testing

/// `serve` as a process: its port, its answers, its end. The server's own tests know the API in detail.
@Suite struct ServeCommandTests {
  private static let path = "/v1/chat/completions"

  private static func request(_ content: String, _ members: [String: JSONValue] = [:]) -> JSONValue {
    var body = JSONObject()
    body["messages"] = [["role": "user", "content": .string(content)]]
    body["temperature"] = 0
    for (key, value) in members { body[key] = value }
    return .object(body)
  }

  @Test func answersLikeGenerateStreamedOrNot() throws {
    let question = "What is 2311+9744?"
    let server = try ServedProgram(Workplace.demo, ["--model-name", "demo"])
    for (mode, kwargs) in [("--thinking", JSONValue.bool(true)), ("--no-thinking", .bool(false))] {
      let alone = try json(
        BuiltProgram.quire.run(
          "generate", Workplace.demo, "--prompt", question, mode, "--temperature", "0", "--json"))
      let members: [String: JSONValue] = ["chat_template_kwargs": ["enable_thinking": kwargs]]
      let (status, whole) = try server.post(Self.path, Self.request(question, members))
      #expect(status == 200 && whole["model"] == "demo")
      let message = try #require(whole["choices"]?.arrayValue?.first?["message"])
      #expect(message["content"] == alone["content"])
      #expect((message["reasoning_content"]?.stringValue ?? "") == alone["reasoningContent"]?.stringValue)
      #expect(whole["usage"]?["completion_tokens"] == alone["completionTokens"])

      let streamed = Self.request(question, members.merging(["stream": true]) { $1 })
      let events = try server.open(Self.path, streamed).readEvents()
      #expect(events.last == "[DONE]" && events.count > 3)
      #expect(try joined("content", of: events) == alone["content"]?.stringValue)
      #expect(try joined("reasoning_content", of: events) == alone["reasoningContent"]?.stringValue)
    }
    let health = try #require(exchangeOnce(port: server.port, "GET", "/health"))
    #expect(health.status == 200)
    server.signal(SIGTERM)
    #expect(server.end() == 0)
    let told = try server.errors
    #expect(told.hasPrefix("loaded checkpoint in "))
    #expect(told.hasSuffix("SIGTERM: finishing what runs; a second signal stops at once\n"))
  }

  @Test func badRequestsGetASentence() throws {
    let place = Workplace()
    let server = try ServedProgram(place.pack())
    for (body, status, part) in [
      (JSONValue.object(JSONObject()), 400, "messages"),
      (Self.request("x", ["messages": []]), 400, "messages"),
      (Self.request("x", ["model": "gpt"]), 404, "gpt"),
      (Self.request("x", ["max_tokens": -2]), 400, "max_tokens"),
      (Self.request("x", ["temperature": "hot"]), 400, "temperature"),
      (Self.request(String(repeating: "all ", count: 3000)), 400, "1024"),
    ] {
      let (found, reply) = try server.post(Self.path, body)
      #expect(found == status)
      let sentence = try #require(reply["error"]?["message"]?.stringValue)
      #expect(sentence.contains(part) && !sentence.contains("\n"))
    }
    #expect(try server.post(Self.path, Self.request("x", ["max_tokens": 2])).status == 200)
  }

  @Test func aPortInUseIsRefused() throws {
    let place = Workplace()
    let pack = try place.pack()
    let server = try ServedProgram(pack)
    let outcome = try BuiltProgram.quire.run("serve", pack, "--port", "\(server.port)", "--quiet")
    expectRefusal(
      outcome, by: "serve",
      ["Port \(server.port) on 127.0.0.1 is in use by another program", "choose another port"])
    let address = try BuiltProgram.quire.run("serve", pack, "--port", "0", "--host", "192.0.2.1", "--quiet")
    expectRefusal(address, by: "serve", ["192.0.2.1"])
    let name = try BuiltProgram.quire.run("serve", pack, "--port", "0", "--host", "no host", "--quiet")
    expectRefusal(name, by: "serve", ["no host"])
  }

  /// Random weights rarely say that they are done: this runs to its limit.
  private static let endless = request("hello", ["max_tokens": 400, "stream": true])

  @Test(arguments: [SIGTERM, SIGINT])
  func aSignalLetsRunningRequestsEnd(_ number: Int32) throws {
    let place = Workplace()
    let server = try ServedProgram(place.pack(), ["--drain-seconds", "60"])
    let alone = try server.open(Self.path, Self.endless).readEvents()
    let client = try server.open(Self.path, Self.endless)
    let begin = try #require(client.readChunk())
    server.signal(number)
    let events = try client.readEvents(after: begin)
    #expect(events.last == "[DONE]")
    let texts = try ["content", "reasoning_content"].map {
      (try joined($0, of: events), try joined($0, of: alone))
    }
    #expect(texts.allSatisfy { $0.0 == $0.1 } && texts.contains { $0.0.count > 10 })
    #expect(server.end() == 0)
  }

  @Test func patienceHasAnEnd() throws {
    // So many tokens take longer than a test waits.
    var tiny = TinyCheckpoint()
    tiny.maximumPositions = 200_000
    let place = Workplace(tiny)
    let endless = Self.request("hello", ["max_tokens": 150_000, "stream": true])
    let context = ["--context", "160000"]
    let hurried = try ServedProgram(place.checkpoint.path, context + ["--drain-seconds", "0"])
    let client = try hurried.open(Self.path, endless)
    _ = try #require(client.readChunk())
    hurried.signal(SIGTERM)
    #expect(hurried.end(within: 30) == 0)
    #expect(try client.readEvents().last != "[DONE]")
    let server = try ServedProgram(place.checkpoint.path, context)
    let other = try server.open(Self.path, endless)
    _ = try #require(other.readChunk())
    server.signal(SIGTERM)
    _ = eventually { (try? server.errors.contains("SIGTERM: ")) == true }
    server.signal(SIGINT)
    #expect(server.end(within: 30) == 1)
  }
}
