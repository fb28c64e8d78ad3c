import QuireGrammar
import QuireJSON
import QuireServing
import TestSupport
import Testing

/// Constrained answers of the demo model, as clients get them.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ConstraintServingTests {
  private static let chatPath = "/v1/chat/completions"
  private static let question = "What is 347+285?"

  private static let schema: JSONValue = [
    "type": "object",
    "properties": [
      "sum": ["type": "integer", "minimum": 0, "maximum": 9999], "exact": ["type": "boolean"],
      "unit": ["enum": ["apples", "pears"]],
      "notes": ["type": "array", "items": ["type": "string", "maxLength": 6], "maxItems": 2],
    ],
    "required": ["sum", "exact", "unit", "notes"], "additionalProperties": false,
  ]

  private static func format(_ schema: JSONValue) -> JSONValue {
    ["type": "json_schema", "json_schema": ["name": "sum", "strict": true, "schema": schema]]
  }

  /// One choice as the parts of a stream add up to it.
  private struct Answer {
    var content = ""
    var reasoning = ""
    var calls: [JSONValue] = []
    var finish: JSONValue = .null

    /// Adds a call, or text of its arguments.
    mutating func add(_ call: JSONValue) {
      guard call["function"]?.has("name") == false, let last = calls.last?["function"] else {
        return calls.append(call)
      }
      let arguments = [last, call["function"] ?? .null].map { $0["arguments"]?.stringValue ?? "" }.joined()
      calls[calls.count - 1] = ["function": ["name": last["name"] ?? .null, "arguments": .string(arguments)]]
    }
  }

  private static func answers(
    _ fixture: ServerFixture, _ members: JSONObject, isStreamed: Bool
  ) throws -> [Answer] {
    var members = members
    members["stream"] = .bool(isStreamed)
    let count = members["n"]?.intValue ?? 1
    var answers = [Answer](repeating: Answer(), count: count)
    let body = chatBody(members, text: question)
    let values = isStreamed ? try fixture.stream(chatPath, body) : [try fixture.post(chatPath, body).json()]
    for value in values {
      for choice in value["choices"]?.arrayValue ?? [] {
        let index = try #require(choice["index"]?.intValue)
        let part = choice["delta"] ?? choice["message"]
        answers[index].content += part?["content"]?.stringValue ?? ""
        answers[index].reasoning += part?["reasoning_content"]?.stringValue ?? ""
        for call in part?["tool_calls"]?.arrayValue ?? [] { answers[index].add(call) }
        if let finish = choice["finish_reason"], !finish.isNull { answers[index].finish = finish }
      }
    }
    return answers
  }

  @Test(arguments: [true, false], [true, false])
  func answersAreValuesOfTheirSchema(thinks: Bool, isStreamed: Bool) throws {
    let fixture = try EngineFixture.demo().fixture
    let answers = try Self.answers(
      fixture,
      [
        "response_format": Self.format(Self.schema), "enable_thinking": .bool(thinks), "n": 4, "seed": 5,
        "max_tokens": 700,
      ], isStreamed: isStreamed)
    var validCount = 0
    for answer in answers where answer.finish == "stop" {
      let value = try JSONValue.parse(answer.content)
      #expect(SchemaCheck.accepts(Self.schema, value), "\(answer.content)")
      #expect(answer.reasoning.isEmpty != thinks)
      validCount += 1
    }
    // A thought may fill the whole answer.
    #expect(validCount >= (thinks ? 1 : 4))
  }

  @Test func manyClientsHaveTheirOwnConstraints() throws {
    let fixture = try EngineFixture.demo().fixture
    let grammar = "root ::= \"a\"+ \"b\""
    let cases: [(JSONObject, Constraint.Kind)] = [
      (["guided_regex": "[0-9]{3}-[a-c]{2}"], .regex("[0-9]{3}-[a-c]{2}")),
      (["regex": "x{4}"], .regex("x{4}")),
      (["structured_outputs": ["regex": "(ab){3}"]], .regex("(ab){3}")),
      (["guided_choice": ["yes", "no"]], .choice(["yes", "no"])),
      (["structured_outputs": ["choice": ["left", "right"]]], .choice(["left", "right"])),
      (["guided_grammar": .string(grammar)], .grammar(grammar)),
      (["grammar": .string(grammar)], .grammar(grammar)),
      (["ebnf": .string(grammar)], .grammar(grammar)),
      (["structured_outputs": ["grammar": .string(grammar)]], .grammar(grammar)),
      (["guided_json": Self.schema], .jsonSchema(Self.schema)),
      (["json_schema": .string(Self.schema.serialized())], .jsonSchema(Self.schema)),
      (["structured_outputs": ["json": Self.schema]], .jsonSchema(Self.schema)),
      (["response_format": Self.format(Self.schema)], .jsonSchema(Self.schema)),
      (["response_format": ["type": "json_object", "schema": Self.schema]], .jsonSchema(Self.schema)),
      (["response_format": ["type": "json_object"]], .jsonObject),
      (["structured_outputs": ["json_object": true]], .jsonObject),
    ]
    let compiler = ConstraintCompiler(try ServerFixture.tokenizer())
    for (members, kind) in cases {
      var members = members
      members["max_tokens"] = 400
      members["temperature"] = 1
      members["seed"] = 3
      members["n"] = 2
      let choices = try #require(
        try fixture.post("/v1/completions", completionBody("1+1=", members)).json()["choices"]?.arrayValue)
      #expect(choices.count == 2)
      for choice in choices where choice["finish_reason"] == "stop" || kind != .jsonObject {
        let text = try #require(choice["text"]?.stringValue)
        // A grammar that may go on can be cut by the limit.
        guard choice["finish_reason"] == "stop" else {
          #expect(kind == .grammar(grammar), "\(members) \(text)")
          continue
        }
        #expect(try compiler.compile(kind).accepts(text), "\(members) \(text)")
      }
    }
  }

  /// Without a thought, line feeds and tags at the beginning belong to the constrained text.
  @Test(arguments: ["\n\nx", "<think>a</think>b"])
  func choicesComeBackAsTheyAre(choice: String) throws {
    let fixture = try EngineFixture.demo().fixture
    for isStreamed in [false, true] {
      let answers = try Self.answers(
        fixture, ["guided_choice": [.string(choice)], "enable_thinking": false, "max_tokens": 20],
        isStreamed: isStreamed)
      #expect(answers.map(\.content) == [choice] && answers[0].reasoning.isEmpty)
    }
  }

  private static let tools: JSONValue = [
    [
      "type": "function",
      "function": [
        "name": "add",
        "parameters": [
          "type": "object",
          "properties": [
            "a": ["type": "integer", "minimum": 0, "maximum": 999], "b": ["enum": ["x", "y"]],
          ], "required": ["a", "b"],
        ],
      ],
    ],
    ["type": "function", "function": ["name": "wait", "parameters": ["properties": [:]]]],
  ]

  @Test(arguments: [true, false])
  func callsAreForced(isStreamed: Bool) throws {
    let fixture = try EngineFixture.demo().fixture
    func named(_ name: JSONValue) -> JSONValue { ["type": "function", "function": ["name": name]] }
    for (choice, finish) in [
      ("required", "tool_calls"), (named("add"), "stop"), (named("wait"), "stop"),
    ] as [(JSONValue, JSONValue)] {
      let answers = try Self.answers(
        fixture,
        [
          "tools": Self.tools, "tool_choice": choice, "parallel_tool_calls": false, "enable_thinking": false,
          "n": 3, "seed": 1, "max_tokens": 300,
        ], isStreamed: isStreamed)
      for answer in answers {
        #expect(answer.content.isEmpty && answer.calls.count == 1 && answer.finish == finish)
        let function = try #require(answer.calls.first?["function"])
        let arguments = try JSONValue.parse(try #require(function["arguments"]?.stringValue))
        if function["name"] == "add" {
          let schema = try #require(Self.tools[0]?["function"]?["parameters"])
          #expect(SchemaCheck.accepts(schema, arguments))
        } else {
          #expect(function["name"] == "wait" && choice != named("add") && arguments == [:])
        }
      }
    }
  }
}
