import QuireGeneration
import QuireJSON
import QuireServing
import TestSupport
import Testing

/// Names of models and the fingerprint of answers.
@Suite(.timeLimit(.minutes(5)))
struct ServedNameTests {
  private static func request(_ name: String) -> JSONValue {
    ["model": .string(name), "messages": [["role": "user", "content": "hi"]]]
  }

  @Test func everyNameOfTheModelIsAnswered() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("a"), .end()] }) {
      $0.modelAliases = ["small", "org/other"]
    }
    for name in [ServerFixture.modelName, "small", "org/other"] {
      let answer = try fixture.post("/v1/chat/completions", Self.request(name))
      #expect(answer.status == 200, "\(name)")
      #expect(try answer.json()["model"] == .string(ServerFixture.modelName))
    }
    #expect(try fixture.post("/v1/chat/completions", Self.request("big")).status == 404)
    let models = try fixture.get("/v1/models").json()["data"]
    #expect(models?.arrayValue?.count == 1)
    #expect(models?[0]?["aliases"] == [.string(ServerFixture.modelName), "small", "org/other"])
    #expect(try fixture.get("/v1/models/org%2Fother").json()["id"] == .string(ServerFixture.modelName))
    #expect(try fixture.get("/v1/models/big").status == 404)
  }

  @Test func anyNameIsAnsweredIfTheServerIsToldSo() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("a"), .end()] }) {
      $0.acceptsAnyModel = true
    }
    let answer = try fixture.post("/v1/chat/completions", Self.request("gpt-4o")).json()
    #expect(answer["model"] == .string(ServerFixture.modelName))
    #expect(try fixture.get("/v1/models/gpt-4o").json()["id"] == .string(ServerFixture.modelName))
  }

  @Test func aliasesHaveText() {
    var options = ServerOptions(modelName: "x")
    options.modelAliases = [""]
    #expect(throws: ServingError.self) { try options.check() }
  }

  @Test func fingerprintsDependOnTheProgramAndTheModel() throws {
    func fingerprints(_ adjust: (inout ServerOptions) -> Void) throws -> Set<String?> {
      let fixture = try ServerFixture(ScriptedGenerator { _ in [.text("a"), .end()] }, adjust)
      let chat = try fixture.post("/v1/chat/completions", chatBody()).json()
      let raw = try fixture.post("/v1/completions", completionBody()).json()
      let events = try fixture.stream("/v1/chat/completions", chatBody(["stream": true]))
      return Set(([chat, raw] + events).map { $0["system_fingerprint"]?.stringValue })
    }
    let plain = try fingerprints { $0.version = "1.2" }
    #expect(plain.count == 1 && plain.first??.hasPrefix("b1.2-") == true)
    #expect(plain.first??.utf8.count == 13)
    let others = try [
      fingerprints { $0.version = "1.3" },
      fingerprints {
        $0.version = "1.2"
        $0.facts.weightBytes = 5
      },
      fingerprints {
        $0.version = "1.2"
        $0.facts.recipeText = "rtn int4"
      },
    ]
    #expect(Set(others + [plain]).count == 4)
  }
}
