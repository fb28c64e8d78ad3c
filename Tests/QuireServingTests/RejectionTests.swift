import Foundation
import QuireGeneration
import QuireJSON
import TestSupport
import Testing

/// One bad request and the answer it gets.
struct BadRequest: Sendable, CustomTestStringConvertible {
  let path: String
  let body: String
  var status = 400
  let field: String?
  let message: String

  var testDescription: String { message }

  static func chat(
    _ members: JSONObject, status: Int = 400, field: String?, _ message: String
  ) -> BadRequest {
    BadRequest(
      path: "/v1/chat/completions", body: chatBody(members).serialized(), status: status, field: field,
      message: message)
  }

  static func completion(
    _ prompt: JSONValue, _ members: JSONObject = [:], status: Int = 400, field: String?, _ message: String
  ) -> BadRequest {
    BadRequest(
      path: "/v1/completions", body: completionBody(prompt, members).serialized(), status: status,
      field: field,
      message: message)
  }

  static func raw(_ body: String, field: String? = nil, _ message: String) -> BadRequest {
    BadRequest(path: "/v1/chat/completions", body: body, field: field, message: message)
  }
}

/// Every refusal with its status, its field and its sentence.
@Suite(.timeLimit(.minutes(5)))
struct RejectionTests {
  private static let cases: [BadRequest] =
    bodies + models + sampling + numbers + limits + messages + tools + thinking + prompts + neutral

  @Test func promptsLongerThanTheContextAreRefusedWithBothNumbers() throws {
    let fixture = try ServerFixture(ScriptedGenerator(contextLength: 64))
    let response = try fixture.post(
      "/v1/chat/completions", chatBody(text: String(repeating: "x", count: 100)))
    let error = try #require(try response.json()["error"])
    #expect(response.status == 400)
    #expect(error["code"] == "context_length_exceeded")
    #expect(error["param"] == "messages")
    let message = try #require(error["message"]?.stringValue)
    let count = try #require(message.split(whereSeparator: { !$0.isNumber }).last.flatMap { Int($0) })
    #expect(count > 100)
    #expect(
      message
        == "expected a prompt of fewer tokens than the context holds, found one that exceeds the available context "
        + "size: this model's maximum context length is 64 tokens, and the prompt has \(count); shorten the prompt or "
        + "raise the context with --context")
    #expect(error["type"] == "exceed_context_size_error")
    #expect(error["n_prompt_tokens"] == .int(count) && error["n_ctx"] == 64)
  }

  /// Names and values of any length come back cut, and without characters that act on a terminal.
  @Test(arguments: [
    chatBody(["logit_bias": [String(repeating: "0", count: 200_000) + "5": 101]]),
    chatBody([
      "messages": [["role": .string("a" + String(repeating: "\u{301}", count: 100_000)), "content": "x"]]
    ]),
    chatBody(["reasoning_effort": .string(String(repeating: "\u{1B}[2J\u{202E}", count: 50_000))]),
    chatBody(["tool_choice": .string(String(repeating: "é", count: 100_000))]),
    chatBody(["model": .string(String(repeating: "m", count: 100_000))]),
  ])
  func refusalsAreShort(body: JSONValue) throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let response = try fixture.post("/v1/chat/completions", body)
    #expect([400, 404].contains(response.status) && response.body.count < 1200)
    let error = try #require(try response.json()["error"])
    for text in [error["param"]?.stringValue, error["message"]?.stringValue] {
      let text = try #require(text)
      #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{202E}" })
    }
    #expect(error["param"]?.stringValue?.unicodeScalars.count ?? 0 <= 101)
  }

  @Test(arguments: cases)
  func isRefusedInOneSentence(_ bad: BadRequest) throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let response = try fixture.post(bad.path, bad.body)
    let error = try #require(try response.json()["error"])
    #expect(error["message"]?.stringValue == bad.message)
    #expect(response.status == bad.status)
    #expect(error["param"] == bad.field.map(JSONValue.string) ?? .null)
    let isTooLong = error["code"] == "context_length_exceeded"
    #expect(error["type"] == (isTooLong ? "exceed_context_size_error" : "invalid_request_error"))
    #expect(response.header("Content-Type") == "application/json")
  }

  static let bodies: [BadRequest] = [
    .raw("", "request body: expected a JSON object, found nothing; send one"),
    .raw("[]", "request body: expected a JSON object, found an array; send an object"),
    .raw(
      "{\"model\": ",
      "request body: expected JSON; line 1, column 11: expected a value, found the end of the text"),
  ]

  static let models: [BadRequest] = [
    .chat(
      ["model": "gpt-4"], status: 404, field: "model",
      "model: expected 'tiny/qwen3', which is served here, found \"gpt-4\"; ask for that"),
    .chat(
      ["model": 5], field: "model", "model: expected a string, found 5; correct it or leave it out"),
  ]

  static let sampling: [BadRequest] = [
    .chat(
      ["temperature": "hot"], field: "temperature",
      "temperature: expected a number from 0 to 2, found \"hot\"; correct it or leave it out"),
    .chat(
      ["temperature": -0.1], field: "temperature",
      "temperature: expected a number from 0 to 2, found -0.1; correct it or leave it out"),
    .chat(
      ["temperature": 1e308], field: "temperature",
      "temperature: expected a number from 0 to 2, found 1e+308; correct it or leave it out"),
    .chat(
      ["top_p": 0], field: "top_p",
      "top_p: expected a number above 0 to 1, found 0; correct it or leave it out"),
    .chat(
      ["top_k": -2], field: "top_k",
      "top_k: expected an integer from -1 to 2147483647, found -2; correct it or leave it out"),
    .chat(
      ["min_p": 2], field: "min_p",
      "min_p: expected a number from 0 to 1, found 2; correct it or leave it out"),
    .chat(
      ["presence_penalty": 3], field: "presence_penalty",
      "presence_penalty: expected a number from -2 to 2, found 3; correct it or leave it out"),
    .chat(
      ["frequency_penalty": [1]], field: "frequency_penalty",
      "frequency_penalty: expected a number from -2 to 2, found an array; correct it or leave it out"),
    .chat(
      ["repetition_penalty": 0], field: "repetition_penalty",
      "repetition_penalty: expected a number from 0.01 to 10, found 0; correct it or leave it out"),
    .chat(
      ["seed": 1.5], field: "seed",
      "seed: expected an integer of 64 bits, found 1.5; correct it or leave it out"),
    .chat(
      ["logit_bias": ["x": 1]], field: "logit_bias",
      "logit_bias: expected token ids from 0 to 272 as names, found \"x\"; correct it"),
    .chat(
      ["logit_bias": ["400": 1]], field: "logit_bias",
      "logit_bias: expected token ids from 0 to 272 as names, found \"400\"; correct it"),
    .chat(
      ["logit_bias": ["5": 101]], field: "logit_bias.5",
      "logit_bias.5: expected a number from -100 to 100, found 101; correct it or leave it out"),
    .chat(
      ["logit_bias": [1]], field: "logit_bias[0]",
      "logit_bias[0]: expected a token and its bias, such as [7, -1], found 1; correct it"),
    .chat(
      ["logit_bias": "x"], field: "logit_bias",
      "logit_bias: expected an object, found \"x\"; correct it or leave it out"),
    .chat(
      ["top_logprobs": 3], field: "top_logprobs",
      "top_logprobs: expected 0 without \"logprobs\": true, found 3; add that or leave it out"),
    .chat(
      ["logprobs": true, "top_logprobs": 21], field: "top_logprobs",
      "top_logprobs: expected an integer from 0 to 20, found 21; correct it or leave it out"),
    .chat(
      ["logprobs": 2], field: "logprobs",
      "logprobs: expected true or false, found 2; correct it or leave it out"),
    .completion(
      "x", ["logprobs": -1], field: "logprobs",
      "logprobs: expected an integer from 0 to 20, found -1; correct it or leave it out"),
  ]

  /// Numbers at and beyond the edges of what can be computed with.
  static let numbers: [BadRequest] = [
    .chat(
      ["repetition_penalty": 1e-38], field: "repetition_penalty",
      "repetition_penalty: expected a number from 0.01 to 10, found 1e-38; correct it or leave it out"),
    .raw(
      edge("repetition_penalty", "5e-324"), field: "repetition_penalty",
      "repetition_penalty: expected a number from 0.01 to 10, found 5e-324; correct it or leave it out"),
    .chat(
      ["top_p": 1e-50], field: "top_p",
      "top_p: expected a number above 0 to 1, found 1e-50; correct it or leave it out"),
    .chat(
      ["presence_penalty": -1e308], field: "presence_penalty",
      "presence_penalty: expected a number from -2 to 2, found -1e+308; correct it or leave it out"),
    .chat(
      ["n": 1.5], field: "n", "n: expected an integer from 1 to 8, found 1.5; correct it or leave it out"),
    .raw(
      edge("max_tokens", "9223372036854775808"), field: "max_tokens",
      "max_tokens: expected an integer of 1 or more, or -1 for no limit, found 9223372036854775808; correct it or "
        + "leave it out"),
    .raw(
      edge("top_k", "1e300"), field: "top_k",
      "top_k: expected an integer from -1 to 2147483647, found 1e300; correct it or leave it out"),
    .raw(
      edge("seed", "18446744073709551616"), field: "seed",
      "seed: expected an integer of 64 bits, found 18446744073709551616; correct it or leave it out"),
  ]

  private static func edge(_ name: String, _ literal: String) -> String {
    chatBody([name: 7777]).serialized().replacingOccurrences(of: "7777", with: literal)
  }

  static let limits: [BadRequest] = [
    .chat(
      ["max_tokens": 0], field: "max_tokens",
      "max_tokens: expected an integer of 1 or more, or -1 for no limit, found 0; correct it or leave it out"),
    .chat(
      ["max_tokens": -2], field: "max_tokens",
      "max_tokens: expected an integer of 1 or more, or -1 for no limit, found -2; correct it or leave it out"
    ),
    .chat(
      ["max_completion_tokens": 4, "max_tokens": 5], field: "max_tokens",
      "max_tokens: expected 4, as 'max_completion_tokens' has it and means the same, found 5; send one of the two"
    ),
    .completion(
      "x", ["max_tokens": 0], field: "max_tokens",
      "max_tokens: expected an integer of 1 or more, or -1 for no limit, found 0; correct it or leave it out"),
    .completion(
      "x", ["max_tokens": -2, "echo": true], field: "max_tokens",
      "max_tokens: expected an integer of 0 or more, or -1 for no limit, found -2; correct it or leave it out"
    ),
    .chat(["n": 9], field: "n", "n: expected an integer from 1 to 8, found 9; correct it or leave it out"),
    .completion(
      "x", ["best_of": 4], field: "best_of",
      "best_of: expected 1, because every answer asked for with 'n' is returned, found 4; correct it or leave it out"
    ),
    .chat(
      ["stop": [1]], field: "stop",
      "stop: expected a string or an array of strings, found 1; correct it or leave it out"
    ),
    .chat(
      ["stop": .array([JSONValue](repeating: "a", count: 257))], field: "stop",
      "stop: expected at most 256 strings, found 257; send fewer"
    ),
    .chat(
      ["stop": .string(String(repeating: "s", count: 1025))], field: "stop",
      "stop: expected strings of at most 1024 bytes, found one of 1025; shorten it"),
    .chat(
      ["stop_token_ids": [9999]], field: "stop_token_ids[0]",
      "stop_token_ids[0]: expected a token id from 0 to 272, found 9999; correct it"),
    .chat(
      ["stream": "yes"], field: "stream",
      "stream: expected true or false, found \"yes\"; correct it or leave it out"),
    .completion(
      .string(String(repeating: "x", count: 512)), field: "prompt",
      "expected a prompt of fewer tokens than the context holds, found one that exceeds the available context size: "
        + "this model's maximum context length is 512 tokens, and the prompt has 512; shorten the prompt or raise the "
        + "context with --context"),
  ]

  static let messages: [BadRequest] = [
    .chat(
      ["messages": nil], field: "messages",
      "messages: expected an array of messages, found none; send the conversation"),
    .chat(
      ["messages": []], field: "messages",
      "messages: expected at least one message, found none; send the conversation"),
    .chat(
      ["messages": "hi"], field: "messages",
      "messages: expected an array of messages, found \"hi\"; correct it"),
    .chat(
      ["messages": ["hi"]], field: "messages[0]",
      "messages[0]: expected an object with role and content, found a string; correct it"),
    .chat(
      ["messages": [["role": "robot", "content": "x"]]], field: "messages[0]",
      "messages[0]: expected a role that is system, developer, user, assistant or tool, found \"robot\"; correct it"
    ),
    .chat(
      ["messages": [["content": "x"]]], field: "messages[0]",
      "messages[0]: expected a role that is system, developer, user, assistant or tool, found none; correct it"
    ),
    .chat(
      ["messages": [["role": "user", "content": nil]]], field: "messages[0].content",
      "messages[0].content: expected a string or an array of text parts, found none; send one"),
    .chat(
      ["messages": [["role": "user", "content": 5]]], field: "messages[0]",
      "messages[0]: expected content that is a text or an array of text parts, found a number; correct it"),
    .chat(
      ["messages": [["role": "user", "content": [["type": "image_url", "image_url": ["url": "x"]]]]]],
      field: "messages[0].content[0].type",
      "messages[0].content[0].type: expected \"text\", found \"image_url\", which this server cannot give to the model; leave it out"
    ),
    .chat(
      ["messages": [["role": "user", "content": [["type": "text"]]]]], field: "messages[0]",
      "messages[0]: expected a text part in content[0], found a part of type \"text\"; correct it"),
    .chat(
      ["messages": [["role": "assistant", "tool_calls": [["function": ["arguments": "{}"]]]]]],
      field: "messages[0]",
      "messages[0]: expected the function's name in tool_calls[0], found none; correct it"),
    .chat(
      ["continue_final_message": true], field: "continue_final_message",
      "continue_final_message: expected a last message of the assistant's with content, found one of the role \"user\"; "
        + "add the beginning of an answer"),
    .chat(
      [
        "continue_final_message": true,
        "messages": [["role": "assistant", "content": "a", "tool_calls": [["function": ["name": "f"]]]]],
      ], field: "continue_final_message",
      "continue_final_message: expected a last message of the assistant's whose content can be continued, found one with "
        + "tool calls; leave out the message or add the beginning of an answer"),
    .chat(
      [
        "continue_final_message": true,
        "messages": [["role": "assistant", "content": "", "reasoning_content": "r"]],
      ], field: "continue_final_message",
      "continue_final_message: expected a last message of the assistant's whose content can be continued, found one with "
        + "only reasoning; leave out the message or add the beginning of an answer"),
    .chat(
      ["continue_final_message": true, "add_generation_prompt": true], field: "continue_final_message",
      "continue_final_message: expected false with \"add_generation_prompt\": true, because a message is either "
        + "continued or followed by a new one, found true; send one of the two"),
  ]

  static let tools: [BadRequest] = [
    .chat(
      ["tools": [:]], field: "tools",
      "tools: expected an array of tools, found an object; correct it or leave it out"),
    .chat(
      ["tools": [["type": "retrieval"]]], field: "tools[0]",
      "tools[0]: expected an object with \"type\": \"function\" and a function, found the type \"retrieval\"; correct it"
    ),
    .chat(
      ["tools": [["type": "function", "function": [:]]]], field: "tools[0].function.name",
      "tools[0].function.name: expected a name, found none; name the function"),
    .chat(
      ["tools": [["type": "function", "function": ["name": "f", "parameters": "p"]]]],
      field: "tools[0].function.parameters",
      "tools[0].function.parameters: expected an object, found \"p\"; correct it or leave it out"),
    .chat(
      ["tools": [weather, weather]], field: "tools[1].function.name",
      "tools[1].function.name: expected a name of its own, found \"weather\" again; rename one of the two"),
    .chat(
      ["tools": .array([JSONValue](repeating: weather, count: 129))], field: "tools",
      "tools: expected at most 128 tools, found 129; send fewer"),
    .chat(
      ["tools": [weather], "tool_choice": "any"], field: "tool_choice",
      "tool_choice: expected \"auto\", \"none\", \"required\" or an object of the type \"function\" or \"allowed_tools\", found \"any\"; correct it or leave it out"
    ),
  ]

  private static let weather: JSONValue = ["type": "function", "function": ["name": "weather"]]

  static let thinking: [BadRequest] = [
    .chat(
      ["chat_template_kwargs": ["enable_thinking": "false"]], field: "chat_template_kwargs.enable_thinking",
      "chat_template_kwargs.enable_thinking: expected true or false, found \"false\"; correct it or leave it out"
    ),
    .chat(
      ["chat_template_kwargs": ["enable_thinking": 0]], field: "chat_template_kwargs.enable_thinking",
      "chat_template_kwargs.enable_thinking: expected true or false, found 0; correct it or leave it out"),
    .chat(
      ["chat_template_kwargs": true], field: "chat_template_kwargs",
      "chat_template_kwargs: expected an object, found true; correct it or leave it out"),
    .chat(
      ["reasoning_effort": "extreme"], field: "reasoning_effort",
      "reasoning_effort: expected one of none, minimal, low, medium, high, xhigh, max, default, found \"extreme\"; correct it or leave it out"
    ),
    .chat(
      ["reasoning_effort": "none", "chat_template_kwargs": ["enable_thinking": true]],
      field: "reasoning_effort",
      "reasoning_effort: expected a value that agrees with 'chat_template_kwargs.enable_thinking', which is true, found \"none\"; send one of the two"
    ),
  ]

  static let prompts: [BadRequest] = [
    .completion(
      nil, field: "prompt", "prompt: expected a text or an array of token ids, found none; send one"),
    .completion(
      5, field: "prompt",
      "prompt: expected a string, an array of strings, an array of token ids or an array of such arrays, found 5; "
        + "correct it"),
    .completion(
      [], field: "prompt",
      "prompt: expected a string, an array of strings, an array of token ids or an array of such arrays, found "
        + "an empty array; correct it"),
    .completion("", field: "prompt", "prompt: expected at least one token, found none; send some text"),
    .completion(
      [[1], []], field: "prompt", "prompt: expected at least one token, found none; send some text"),
    .completion(
      [1, -1], field: "prompt[1]",
      "prompt[1]: expected a token id from 0 to 272, found -1; correct it"),
    .completion(
      [[1], [273]], field: "prompt[1][0]",
      "prompt[1][0]: expected a token id from 0 to 272, found 273; correct it"),
    .completion(
      [["a"]], field: "prompt[0][0]",
      "prompt[0][0]: expected a token id from 0 to 272, found \"a\"; correct it"),
    .completion(
      ["a", true], field: "prompt[1]",
      "prompt[1]: expected a string or an array of token ids, found true; correct it"),
    .completion(
      .array([JSONValue](repeating: "a", count: 33)), ["n": 8], field: "prompt",
      "prompt: expected at most 256 answers in a request, found 33 prompts with 8 each; send fewer prompts at a time"
    ),
    .completion(
      "x", ["suffix": "end"], field: "suffix",
      "suffix: expected \"\", because the model does not fill in the middle, found \"end\"; correct it or leave it out"
    ),
  ]

  static let neutral: [BadRequest] = [
    .chat(
      ["format": "json"], field: "format",
      "format: expected \"\", because the field's name here is 'response_format', found \"json\"; correct it or leave it out"
    ),
    .completion(
      "x", ["thinking_token_budget": 5], field: "thinking_token_budget",
      "thinking_token_budget: expected -1, because reasoning is separated and limited in chats only, found 5; "
        + "correct it or leave it out"),
    .chat(
      ["thinking_token_budget": -2], field: "thinking_token_budget",
      "thinking_token_budget: expected an integer of 0 or more, or -1 for no limit, found -2; correct it or leave it out"
    ),
    .chat(
      ["min_tokens": 5, "max_tokens": 4], field: "min_tokens",
      "min_tokens: expected at most the limit of the answer, which is 4, found 5; correct it or raise max_tokens"
    ),
    .chat(
      ["chat_template": "{{x}}"], field: "chat_template",
      "chat_template: expected the name of one of the model's templates, default, found the text of a template; name one of them or leave it out"
    ),
    BadRequest(
      path: "/tokenize", body: "{}", field: "prompt",
      message: "prompt: expected a text, or a conversation as 'messages', found none; send one"),
    BadRequest(
      path: "/detokenize", body: "{\"tokens\": [-3]}", field: "tokens[0]",
      message: "tokens[0]: expected a token id from 0 to 272, found -3; correct it"),
    BadRequest(
      path: "/detokenize", body: "{}", field: "tokens",
      message: "tokens: expected an array of token ids, found none; send one"),
  ]
}
