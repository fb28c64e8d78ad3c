import QuireGeneration
import QuireGrammar
import QuireJSON
import QuireText
import TestSupport
import Testing

/// Which constraint a request asks for, and the refusals of those that it cannot have.
@Suite(.timeLimit(.minutes(5)))
struct ConstraintFieldTests {
  private static let path = "/v1/chat/completions"
  private static let weather: JSONValue = [
    "type": "function",
    "function": ["name": "weather", "parameters": ["properties": ["city": ["enum": ["Rome", "Oslo"]]]]],
  ]

  @Test func equalConstraintsAreCompiledOnce() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let members: JSONObject = ["n": 2, "guided_regex": "[0-9]+"]
    #expect(try fixture.post(Self.path, chatBody(members)).status == 200)
    #expect(try fixture.post("/v1/completions", completionBody(["a", "b"], members)).status == 200)
    #expect(try fixture.post(Self.path, chatBody(["response_format": ["type": "text"]])).status == 200)
    let constraints = generator.requests.map(\.constraint)
    #expect(constraints.count == 7 && constraints[0] != nil && constraints[6] == nil)
    #expect(constraints.prefix(6).allSatisfy { $0 == constraints[0] })
    #expect(constraints[0]?.accepts("42") == true && constraints[0]?.accepts("x") == false)
  }

  @Test func answersMayBeCallsOrJSON() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    for format in [
      ["type": "json_object"], ["type": "json_schema", "json_schema": ["schema": ["type": "object"]]],
    ]
      as [JSONValue]
    {
      let members: JSONObject = ["tools": [Self.weather], "response_format": format]
      #expect(try fixture.post(Self.path, chatBody(members)).status == 200)
    }
    #expect(generator.requests.count == 2)
    for request in generator.requests {
      #expect(request.splitsToolCalls && request.constraint?.accepts("{}") == true)
      #expect(request.constraint?.accepts("no") == false)
    }
    #expect(generator.requests[0].constraint?.accepts("{\"a\": [1]}") == true)
    let alone = chatBody(["tools": [Self.weather], "tool_choice": "none", "guided_choice": ["yes"]])
    #expect(try fixture.post(Self.path, alone).status == 200)
    #expect(generator.requests.last?.constraint?.accepts("yes") == true)
  }

  @Test func theFormatOfTheContentDoesNotBindForcedCalls() throws {
    let schema: JSONValue = ["type": "object"]
    let flat: JSONValue = [["type": "function", "name": "weather"]]
    let requests: [(String, JSONValue)] = [
      (
        Self.path,
        chatBody([
          "tools": [Self.weather], "tool_choice": "required", "response_format": ["type": "json_object"],
        ])
      ),
      (
        Self.path,
        chatBody([
          "tools": [Self.weather], "tool_choice": "required",
          "response_format": ["type": "json_schema", "json_schema": ["name": "s", "schema": schema]],
        ])
      ),
      (
        "/v1/responses",
        [
          "input": "hi", "tools": flat, "tool_choice": ["type": "function", "name": "weather"],
          "text": ["format": ["type": "json_schema", "name": "s", "schema": schema]],
        ]
      ),
      (
        "/v1/messages",
        MessagesReplyTests.body([
          "tools": MessagesReplyTests.tools, "tool_choice": ["type": "any"],
          "output_config": ["format": ["type": "json_schema", "schema": schema]],
        ])
      ),
    ]
    for (path, body) in requests {
      let generator = ScriptedGenerator { _ in [.call("weather", [:]), .end()] }
      let response = try ServerFixture(generator).post(path, body)
      #expect(response.status == 200, "\(response.text)")
      let constraint = try #require(generator.requests.first?.constraint)
      #expect(!constraint.accepts("{}"))
    }
  }

  /// Calls that the model makes by itself have arguments of their schema where the function is strict.
  @Test func strictFunctionsConstrainChosenCalls() throws {
    let generator = ScriptedGenerator { _ in [.text("none"), .end()] }
    let fixture = try ServerFixture(generator)
    for isStrict in [true, false] {
      let tool: JSONValue = [
        "type": "function",
        "function": ["name": "f", "strict": .bool(isStrict), "parameters": ["type": "object"]],
      ]
      #expect(try fixture.post(Self.path, chatBody(["tools": [tool]])).status == 200)
    }
    #expect(generator.requests[0].constraint?.accepts("any text") == true)
    #expect(generator.requests[1].constraint == nil)
  }

  /// Clients ask for `strict` by themselves. Where no grammar of calls exists, the function is taken without it.
  @Test(arguments: [ToolCallForm.qwen3Coder, .json, ToolCallForm.none])
  func strictIsIgnoredWhereCallsHaveNoGrammar(form: ToolCallForm) throws {
    let generator = ScriptedGenerator(contextLength: 2048) { _ in [.text("ok"), .end()] }
    let tokenizer = try ServerFixture.tokenizer(chatFormat: ChatFormatOverride(tools: form))
    let fixture = try ServerFixture(generator, tokenizer: tokenizer)
    let schema: JSONValue = ["type": "object"]
    func flat(_ isStrict: Bool) -> JSONValue {
      ["type": "function", "name": "f", "parameters": schema, "strict": .bool(isStrict)]
    }
    let nested: JSONValue = [
      "type": "function", "function": ["name": "g", "strict": true, "parameters": schema],
    ]
    let cases: [(String, JSONValue, String)] = [
      (Self.path, chatBody(["tools": [Self.weather, nested]]), "tools[1].function.strict"),
      (
        "/v1/responses",
        ["input": "hi", "tools": [flat(true), ["type": "namespace", "name": "n", "tools": [flat(true)]]]],
        "tools[0].strict, tools[1].tools[0].strict"
      ),
      (
        "/v1/messages",
        MessagesReplyTests.body(["tools": [["name": "f", "strict": true, "input_schema": schema]]]),
        "tools[0].strict"
      ),
    ]
    for (path, body, ignored) in cases {
      let response = try fixture.post(path, body)
      #expect(response.status == 200, "\(response.text)")
      #expect(response.header("X-Quire-Ignored") == ignored, "\(path)")
    }
    #expect(generator.requests.count == 3 && generator.requests.allSatisfy { $0.constraint == nil })
    let plain = try fixture.post("/v1/responses", ["input": "hi", "tools": [flat(false)]])
    #expect(plain.status == 200 && plain.header("X-Quire-Ignored") == nil)
  }

  /// What cannot be left out without a change of the answer is refused with its own field.
  @Test func constraintsOnCallsWithoutAGrammarAreRefused() throws {
    let generator = ScriptedGenerator(contextLength: 2048) { _ in [.end()] }
    let tokenizer = try ServerFixture.tokenizer(chatFormat: ChatFormatOverride(tools: .qwen3Coder))
    let fixture = try ServerFixture(generator, tokenizer: tokenizer)
    let format: JSONValue = ["type": "json_schema", "json_schema": ["schema": ["type": "object"]]]
    for (members, field) in [
      (["tool_choice": "required"], "tool_choice"),
      (["response_format": format], "response_format.json_schema.schema"),
      (["response_format": ["type": "json_object"]], "response_format"),
    ] as [(JSONObject, String)] {
      var members = members
      members["tools"] = [Self.weather]
      let response = try fixture.post(Self.path, chatBody(members))
      let error = try response.json()["error"]
      #expect(response.status == 400 && error?["param"] == .string(field), "\(response.text)")
      #expect(error?["message"]?.stringValue?.hasPrefix("\(field): expected a model with calls as") == true)
    }
    #expect(generator.requests.isEmpty)
  }

  /// Hugging Face's client has its own name for the schema of an object.
  @Test func theSchemaOfAnObjectHasTwoNames() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let schema: JSONValue = ["type": "object", "properties": ["a": ["type": "integer"]], "required": ["a"]]
    for names in [["schema"], ["value"], ["schema", "value"]] {
      var format: JSONObject = ["type": "json_object"]
      for name in names { format[name] = schema }
      let response = try fixture.post(Self.path, chatBody(["response_format": .object(format)]))
      #expect(response.status == 200 && response.header("X-Quire-Ignored") == nil, "\(response.text)")
    }
    #expect(generator.requests.count == 3)
    for request in generator.requests {
      #expect(request.constraint?.accepts("{\"a\": 1}") == true && request.constraint?.accepts("{}") == false)
    }
  }

  /// As clients send them that do not know which server they talk to.
  @Test func oneConstraintMayStandInSeveralFields() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let grammar: JSONValue = "root ::= \"a\""
    let same = try fixture.post(
      Self.path, chatBody(["guided_grammar": grammar, "structured_outputs": ["grammar": grammar]]))
    #expect(same.status == 200, "\(same.text)")
    #expect(generator.requests.first?.constraint?.accepts("a") == true)
    let other = try fixture.post(
      Self.path, chatBody(["guided_grammar": "root ::= \"b\"", "structured_outputs": ["grammar": grammar]]))
    #expect(
      other.status == 400
        && other.text.contains(
          "guided_grammar: expected no second constraint next to 'structured_outputs.grammar', found another one"
        ),
      "\(other.text)")
  }

  @Test func onlyAllowedToolsAreSeen() throws {
    let generator = ScriptedGenerator { _ in [.call("weather", [:]), .end()] }
    let fixture = try ServerFixture(generator)
    let other: JSONValue = ["type": "function", "function": ["name": "other"]]
    let allowed: JSONValue = [
      "type": "allowed_tools",
      "allowed_tools": [
        "mode": "required", "tools": [["type": "function", "function": ["name": "weather"]]],
      ],
    ]
    let body = chatBody(["tools": [Self.weather, other], "tool_choice": allowed])
    let response = try fixture.post(Self.path, body)
    #expect(response.status == 200 && response.header("X-Quire-Ignored") == nil)
    #expect(generator.requests.first?.constraint != nil)
    let wrong = try fixture.post(
      Self.path, chatBody(["tools": [Self.weather], "tool_choice": ["type": "custom"]]))
    #expect(wrong.status == 400 && wrong.text.contains("found \\\"custom\\\""))
  }

  @Test func toolsWithoutATypeAreFunctions() throws {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    let function: JSONValue = ["name": "weather", "description": "x", "parameters": ["type": "object"]]
    for tool in [["type": "function", "function": function], ["function": function]] as [JSONValue] {
      #expect(try fixture.post(Self.path, chatBody(["tools": [tool]])).status == 200)
    }
    let prompts = generator.requests.map(\.promptTokens)
    #expect(prompts[0] == prompts[1])
  }

  @Test func onlyNamedCallsFinishWithStop() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.call("weather", [:]), .end()] })
    let named: JSONValue = ["type": "function", "function": ["name": "weather"]]
    for (choice, finish) in [
      ("auto", "tool_calls"), ("required", "tool_calls"), (["type": "required"], "tool_calls"),
      (named, "stop"),
      (["type": "function", "name": "weather"], "stop"),
      // Hugging Face's client has no field for the type.
      (["function": ["name": "weather"]], "stop"),
    ] as [(JSONValue, JSONValue)] {
      let body = chatBody(["tools": [Self.weather], "tool_choice": choice])
      #expect(try fixture.post(Self.path, body).json()["choices"]?[0]?["finish_reason"] == finish)
    }
  }

  @Test(
    arguments: [
      (["response_format": ["type": "json_object"], "guided_regex": "a"], "response_format", "guided_regex"),
      (["grammar": "root ::= \"a\"", "json_schema": [:]], "json_schema", "grammar"),
      (
        ["structured_outputs": ["choice": ["a"], "regex": "a"]], "structured_outputs.regex",
        "structured_outputs.choice"
      ),
      (
        [
          "response_format": ["type": "json_schema", "json_schema": ["schema": [:]]],
          "guided_json": ["type": "string"],
        ],
        "response_format.json_schema.schema", "guided_json"
      ),
      (
        ["tools": [weather], "tool_choice": "required", "guided_choice": ["a"]], "tool_choice",
        "guided_choice"
      ),
      (["tools": [weather], "guided_regex": "a"], "tools", "guided_regex"),
    ] as [(JSONObject, String, String)])
  func contradictionsNameBoth(members: JSONObject, first: String, second: String) throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let response = try fixture.post(Self.path, chatBody(members))
    let error = try response.json()["error"]
    #expect(response.status == 400 && error?["param"] == .string(second))
    let message = try #require(error?["message"]?.stringValue)
    #expect(message.hasPrefix("\(second): expected ") && message.contains("'\(first)'"), "\(message)")
  }

  /// Each refusal has the field, and the keyword or the part at fault in its sentence.
  @Test(
    arguments: [
      (["guided_json": ["properties": ["a": ["not": [:]]]]], "guided_json", "'not'"),
      (["guided_json": ["type": "string", "pattern": "("]], "guided_json", "pattern"),
      (["guided_json": ["$ref": "http://x"]], "guided_json", "$ref"),
      (["guided_json": 3], "guided_json", "found 3"),
      (["guided_regex": "(a"], "guided_regex", "character"),
      (["guided_regex": ""], "guided_regex", "expression"),
      (["guided_choice": []], "guided_choice", "one or more"),
      (["guided_choice": ["a", 1]], "guided_choice", "strings"),
      (["grammar": "rule ::= \"a\""], "grammar", "root"),
      (["structured_outputs": ["structural_tag": "x"]], "structured_outputs.structural_tag", "whole"),
      (
        ["structured_outputs": ["whitespace_pattern": " "]], "structured_outputs.whitespace_pattern",
        "whitespace"
      ),
      (["response_format": "json"], "response_format", "an object"),
      (["response_format": [:]], "response_format.type", "json_schema"),
      (["response_format": ["type": "xml"]], "response_format.type", "xml"),
      (["response_format": ["type": "json_schema"]], "response_format.json_schema.schema", "found none"),
      (["response_format": ["type": "text", "schema": [:]]], "response_format.schema", "json_object"),
      (
        ["response_format": ["type": "json_object", "schema": [:], "value": ["type": "object"]]],
        "response_format.value", "response_format.schema"
      ),
      (["response_format": ["type": "json_object", "value": 1]], "response_format.value", "a JSON Schema"),
      (
        ["response_format": ["type": "json_schema", "json_schema": ["strict": "yes", "schema": [:]]]],
        "response_format.json_schema.strict", "true or false"
      ),
      (["tool_choice": "required"], "tool_choice", "found none"),
      (
        ["tools": [weather], "tool_choice": ["type": "function", "function": ["name": "news"]]],
        "tool_choice.function.name", "news"
      ),
      (["tools": [weather], "tool_choice": ["type": "function"]], "tool_choice.function.name", "found none"),
      (
        ["tools": [weather], "tool_choice": ["type": "function", "name": "news"]], "tool_choice.name", "news"
      ),
      (["grammar": "root ::= \"a\"", "grammar_lazy": true], "grammar_lazy", "the whole answer"),
      (
        [
          "tools": [weather, ["type": "function", "function": ["name": "f", "parameters": ["not": [:]]]]],
          "tool_choice": ["type": "function", "function": ["name": "f"]],
        ], "tools", "tools[1].function.parameters"
      ),
      (
        [
          "tools": [["type": "function", "function": ["name": "f", "parameters": ["type": "integer"]]]],
          "tool_choice": "required",
        ], "tools", "expected the type \"object\""
      ),
      (["allowed_token_ids": []], "allowed_token_ids", "expected at least one token id"),
      (["logit_bias": ["05": 1]], "logit_bias", "expected token ids"),
    ] as [(JSONObject, String, String)])
  func refusalsNameTheFieldAndTheFault(members: JSONObject, field: String, fault: String) throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let response = try fixture.post(Self.path, chatBody(members))
    let error = try response.json()["error"]
    #expect(response.status == 400 && error?["param"] == .string(field), "\(response.text)")
    let message = try #require(error?["message"]?.stringValue)
    #expect(message.contains(fault) && message.contains("expected ") && message.contains("; "), "\(message)")
  }

  @Test func membersWithoutEffectAreNamed() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    let members: JSONObject = [
      "response_format": [
        "type": "json_schema",
        "json_schema": ["name": "n", "description": "d", "strict": false, "schema": ["title": "t"]],
      ]
    ]
    let response = try fixture.post(Self.path, chatBody(members))
    #expect(response.status == 200)
    #expect(response.header("X-Quire-Ignored") == "response_format.json_schema.description")
  }
}
