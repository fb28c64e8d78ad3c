import Foundation
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// The chat page and its model data. `tools/check-page` tests the page in a browser.
@Suite(.timeLimit(.minutes(5)))
struct PageTests {
  private static func page(_ headers: [String] = []) throws -> WireResponse {
    try ServerFixture(ScriptedGenerator()).get("/", headers: headers)
  }

  @Test func thePageIsServedWithAPolicy() throws {
    let page = try Self.page()
    #expect(page.status == 200)
    #expect(page.header("Content-Type") == "text/html; charset=utf-8")
    #expect(page.header("X-Content-Type-Options") == "nosniff")
    #expect(page.header("Referrer-Policy") == "no-referrer")
    #expect(page.header("X-Frame-Options") == "DENY")
    #expect(page.header("Cache-Control") == "no-cache")
    let policy = try #require(page.header("Content-Security-Policy"))
    for directive in [
      "default-src 'none'", "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'",
      "frame-ancestors 'none'", "require-trusted-types-for 'script'",
    ] {
      #expect(policy.components(separatedBy: "; ").contains(directive))
    }
    #expect(!policy.contains("unsafe") && !policy.contains("*") && !policy.contains("http"))
    #expect(page.text.hasPrefix("<!doctype html>") && page.text.hasSuffix("</html>"))
  }

  /// The policy contains the hashes of the page's only style and only script.
  @Test func thePolicyHasTheHashesOfStyleAndScript() throws {
    let python = try #require(Tool("python3"))
    let page = try Self.page()
    let policy = try #require(page.header("Content-Security-Policy"))
    for tag in ["style", "script"] {
      let parts = page.text.components(separatedBy: "<\(tag)>")
      #expect(parts.count == 2, "one \(tag)")
      let content = try #require(parts.last?.components(separatedBy: "</\(tag)>").first)
      let program =
        "import base64, hashlib, sys; "
        + "print(base64.b64encode(hashlib.sha256(sys.stdin.buffer.read()).digest()).decode(), end='')"
      let hash = try python.run(["-c", program], input: Array(content.utf8)).output
      #expect(policy.contains("\(tag)-src 'sha256-\(hash)'"))
    }
  }

  /// The page contains nothing that the policy forbids and no request to another server.
  @Test func thePageIsSelfContained() throws {
    let text = try Self.page().text
    for forbidden in [
      " src=", " style=", " onclick=", " onload=", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval(",
      "document.write", "@import", "url(", "localStorage",
    ] {
      #expect(!text.contains(forbidden), "\(forbidden)")
    }
    let addresses = text.matches(of: /https?:\/\/[a-z][^\s'"]*/).map { String($0.output) }
    #expect(addresses == ["http://www.w3.org/2000/svg"])
  }

  @Test func theSwiftSourceIsMadeOfThePagesFiles() throws {
    let tool = try #require(Tool(TestPaths.repository + "/tools/make-page"))
    let outcome = try tool.run("--check")
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test func aPageThatIsKnownIsNotSentAgain() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let known = try fixture.get("/")
    let tag = try #require(known.header("ETag"))
    #expect(tag.wholeMatch(of: /"[0-9a-f]{16}"/) != nil)
    let client = SocketClient(port: fixture.port)
    for value in [tag, "W/\(tag)", "\"x\", \(tag)", "*", "\"x\" , W/\(tag) "] {
      client.send("GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \(value)\r\n\r\n")
      let head = try #require(client.readHead())
      #expect(head.status == 304 && head.header("ETag") == tag, "\(value)")
      #expect(head.header("Content-Length") == String(known.body.count))
      // The next response follows directly, without a body in between.
      client.send(requestText("GET", "/health"))
      #expect(try #require(client.readResponse()).json() == ["status": "ok"])
    }
    for value in ["\"x\"", "", tag.replacingOccurrences(of: "\"", with: ""), "\(tag)x"] {
      #expect(try Self.page(["If-None-Match: \(value)"]).status == 200, "\(value)")
    }
  }

  @Test func methodsAndOtherPaths() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let client = SocketClient(port: fixture.port)
    client.send(requestText("HEAD", "/"))
    let head = try #require(client.readHead())
    let page = try fixture.get("/")
    #expect(head.status == 200)
    #expect(head.header("Content-Length") == String(page.body.count))
    #expect(head.header("Content-Security-Policy") == page.header("Content-Security-Policy"))
    #expect(try fixture.get("/?q=1").status == 200)
    #expect(try fixture.post("/", "{}").status == 405)
    #expect(try fixture.post("/", "{}").header("Allow") == "GET, HEAD, OPTIONS")
    for path in ["/v1/", "//", "/index.html", "/quire", "/quire/"] {
      #expect(try fixture.get(path).status == 404, "\(path)")
    }
  }

  /// A host name of another site gets no page, and another site's script no model data.
  @Test func namesAndPagesOfOthersAreRefused() throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    for path in ["/", "/quire/model"] {
      let client = SocketClient(port: fixture.port)
      client.send("GET \(path) HTTP/1.1\r\nHost: evil.example\r\n\r\n")
      #expect(client.readResponse()?.status == 403)
      #expect(try fixture.get(path, headers: ["Origin: http://evil.example"]).status == 403)
    }
  }

  // MARK: The model

  @Test func theModelIsDescribed() throws {
    let rows: [JSONValue] = [["step": "checkpoint"], ["step": "quantize", "perplexity": 1.5]]
    let fixture = try ServerFixture(ScriptedGenerator(contextLength: 99)) { options in
      options.facts.kind = .pack
      options.facts.parameterCount = 1000
      options.facts.weightBytes = 500
      options.facts.fileBytes = 400
      options.facts.recipeName = "int4"
      options.facts.recipeText = "{ name: \"int4\" }"
      options.facts.steps = rows
    }
    let response = try fixture.get("/quire/model")
    #expect(response.header("Cache-Control") == "no-store")
    let model = try response.json()
    #expect(model["id"] == "tiny/qwen3" && model["kind"] == "pack" && model["max_model_len"] == 99)
    #expect(model["bits_per_weight"] == 4.0 && model["file_bytes"] == 400)
    #expect(model["recipe"] == ["name": "int4", "text": "{ name: \"int4\" }"])
    #expect(model["steps"] == .array(rows) && model["report"] == JSONValue.null)
    #expect(model["sampling"]?["thinking"]?["temperature"] == 0.6)
    #expect(model["sampling"]?["non_thinking"]?["top_p"] == 0.8)
    #expect(model["chat"] == true)
  }

  /// The sensitivity of the checkpoint is a member of its own, from the pack or from a report.
  @Test func theSensitivityIsGiven() throws {
    let costs: JSONValue = ["text": "t", "tokens": 3, "matrices": []]
    let other: JSONValue = ["text": "u", "tokens": 4, "matrices": []]
    func model(_ change: @escaping (inout ServerOptions) -> Void) throws -> JSONValue {
      try ServerFixture(ScriptedGenerator(), change).get("/quire/model").json()
    }
    let ofPack = try model { $0.facts.steps = [["step": "checkpoint", "sensitivity": costs]] }
    #expect(ofPack["sensitivity"] == costs && ofPack["steps"] == [["step": "checkpoint"]])
    let ofReport = try model {
      $0.facts.steps = [["step": "checkpoint", "sensitivity": costs]]
      $0.facts.report = ["rows": [["step": "reference"]], "sensitivity": other]
    }
    #expect(ofReport["sensitivity"] == other && ofReport["report"] == ["rows": [["step": "reference"]]])
    #expect(try model { _ in }["sensitivity"] == JSONValue.null)
  }

  /// A list of models says what a pack's last step measured, and nothing where nothing was measured.
  @Test func theListOfModelsHasTheMainFigures() throws {
    let measured: JSONValue = [
      "step": "quantize", "klMean": 0.25, "perplexity": 1.5, "bitsPerWeight": 4.5,
      "tasks": ["all": ["thinking": ["accuracy": 0.75]]],
    ]
    func evaluation(_ change: @escaping (inout ServerOptions) -> Void) throws -> JSONValue? {
      let models = try ServerFixture(ScriptedGenerator(), change).get("/v1/models").json()
      return models["data"]?.arrayValue?.first?["evaluation"]
    }
    let expected: JSONValue = ["perplexity": 1.5, "kl_mean": 0.25, "accuracy_thinking": 0.75]
    #expect(try evaluation { $0.facts.steps = [["step": "checkpoint"], measured] } == expected)
    #expect(
      try evaluation {
        $0.facts.kind = .checkpoint
        $0.facts.report = ["rows": [measured, ["step": "later", "klMean": 9.0]]]
      } == expected)
    #expect(try evaluation { $0.facts.steps = [["step": "quantize"]] } == nil)
  }

  @Test func whatIsNotKnownIsNull() throws {
    let model = try ServerFixture(ScriptedGenerator()).get("/quire/model").json()
    for key in ["kind", "parameters", "weight_bytes", "file_bytes", "bits_per_weight", "recipe", "report"] {
      #expect(model[key] == JSONValue.null && model.has(key), "\(key)")
    }
    #expect(model["steps"] == [])
  }

  /// The feature agrees with the server's response to the field.
  @Test func theBudgetIsOfferedWhereItIsObeyed() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] })
    let features = try fixture.get("/quire/model").json()["features"]
    let answer = try fixture.post("/v1/chat/completions", chatBody(["thinking_token_budget": 5]))
    #expect(features?["thinking_token_budget"] == .bool(answer.status == 200))
  }

  /// A model whose answers have no thoughts: nothing can be limited.
  @Test func theBudgetIsNotOfferedWithoutThoughts() throws {
    let tokenizer = try ServerFixture.tokenizer(chatFormat: ChatFormatOverride(reasoning: .init("none")))
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("ok"), .end()] }, tokenizer: tokenizer)
    #expect(try fixture.get("/quire/model").json()["features"]?["thinking_token_budget"] == false)
  }
}
