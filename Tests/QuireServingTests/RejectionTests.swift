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

  static func raw(_ body: String, _ message: String) -> BadRequest {
    BadRequest(path: "/v1/chat/completions", body: body, field: nil, message: message)
  }
}

/// Every refusal with its status, its field and its sentence.
@Suite(.timeLimit(.minutes(5)))
struct RejectionTests {
  private static let cases: [BadRequest] =
    bodies + models + sampling + limits + messages + tools + thinking + prompts + unknown

  @Test func promptsLongerThanTheContextAreRefusedWithBothNumbers() throws {
    let fixture = try ServerFixture(ScriptedGenerator(contextLength: 64))
    let response = try fixture.post(
      "/v1/chat/completions", chatBody(text: String(repeating: "x", count: 100)))
    let error = try #require(try response.json()["error"])
    #expect(response.status == 400)
    #expect(error["code"] == "context_length_exceeded")
    #expect(error["param"] == "messages")
    let message = try #require(error["message"]?.stringValue)
    let count = try #require(message.split(separator: " ").compactMap { Int($0) }.first)
    #expect(count > 100)
    #expect(
      message
        == "The prompt has \(count) tokens, but the context holds 64 and the answer needs at least one of "
        + "them: shorten the prompt or raise the context length.")
  }

  @Test(arguments: cases)
  func isRefusedInOneSentence(_ bad: BadRequest) throws {
    let fixture = try ServerFixture(ScriptedGenerator())
    let response = try fixture.post(bad.path, bad.body)
    let error = try #require(try response.json()["error"])
    #expect(error["message"]?.stringValue == bad.message)
    #expect(response.status == bad.status)
    #expect(error["param"] == bad.field.map(JSONValue.string) ?? .null)
    #expect(error["type"] == "invalid_request_error")
    #expect(response.header("Content-Type") == "application/json")
  }

  static let bodies: [BadRequest] = [
    .raw("", "The request body is empty: send a JSON object."),
    .raw("[]", "The request body must be a JSON object, but is an array: send an object."),
    .raw(
      "{\"model\": ",
      "The request body is not valid JSON: line 1, column 11: expected a value, found the end of the text."),
  ]

  static let models: [BadRequest] = [
    .chat(
      ["model": "gpt-4"], status: 404, field: "model",
      "The model 'gpt-4' is not served here: ask for 'tiny/qwen3'."),
    .chat(
      ["model": 5], field: "model", "'model' must be a string, but is 5: correct it or leave it out."),
  ]

  static let sampling: [BadRequest] = [
    .chat(
      ["temperature": "hot"], field: "temperature",
      "'temperature' must be a number from 0 to 2, but is \"hot\": correct it or leave it out."),
    .chat(
      ["temperature": -0.1], field: "temperature",
      "'temperature' must be a number from 0 to 2, but is -0.1: correct it or leave it out."),
    .chat(
      ["temperature": 1e308], field: "temperature",
      "'temperature' must be a number from 0 to 2, but is 1e+308: correct it or leave it out."),
    .chat(
      ["top_p": 0], field: "top_p",
      "'top_p' must be a number above 0 to 1, but is 0: correct it or leave it out."),
    .chat(
      ["top_k": -2], field: "top_k",
      "'top_k' must be an integer from -1 to 2147483647, but is -2: correct it or leave it out."),
    .chat(
      ["min_p": 2], field: "min_p",
      "'min_p' must be a number from 0 to 1, but is 2: correct it or leave it out."),
    .chat(
      ["presence_penalty": 3], field: "presence_penalty",
      "'presence_penalty' must be a number from -2 to 2, but is 3: correct it or leave it out."),
    .chat(
      ["frequency_penalty": [1]], field: "frequency_penalty",
      "'frequency_penalty' must be a number from -2 to 2, but is an array: correct it or leave it out."),
    .chat(
      ["repetition_penalty": 0], field: "repetition_penalty",
      "'repetition_penalty' must be a number above 0 to 2, but is 0: correct it or leave it out."),
    .chat(
      ["seed": 1.5], field: "seed",
      "'seed' must be an integer from -9223372036854775808 up, but is 1.5: correct it or leave it out."),
    .chat(
      ["logit_bias": ["x": 1]], field: "logit_bias",
      "Keys of 'logit_bias' are token ids from 0 to 272, but one is 'x': correct it."),
    .chat(
      ["logit_bias": ["400": 1]], field: "logit_bias",
      "Keys of 'logit_bias' are token ids from 0 to 272, but one is '400': correct it."),
    .chat(
      ["logit_bias": ["5": 101]], field: "logit_bias.5",
      "'logit_bias.5' must be a number from -100 to 100, but is 101: correct it or leave it out."),
    .chat(
      ["logit_bias": []], field: "logit_bias",
      "'logit_bias' must be an object, but is an empty array: correct it or leave it out."),
    .chat(
      ["top_logprobs": 3], field: "top_logprobs",
      "'top_logprobs' is 3, but 'logprobs' is not true: add \"logprobs\": true or leave it out."),
    .chat(
      ["logprobs": true, "top_logprobs": 21], field: "top_logprobs",
      "'top_logprobs' must be an integer from 0 to 20, but is 21: correct it or leave it out."),
    .chat(
      ["logprobs": 2], field: "logprobs",
      "'logprobs' must be true or false, but is 2: correct it or leave it out."),
    .completion(
      "x", ["logprobs": -1], field: "logprobs",
      "'logprobs' must be an integer from 0 to 20, but is -1: correct it or leave it out."),
  ]

  static let limits: [BadRequest] = [
    .chat(
      ["max_tokens": 0], field: "max_tokens",
      "'max_tokens' must be an integer from 1 up, but is 0: correct it or leave it out."),
    .chat(
      ["max_tokens": -1], field: "max_tokens",
      "'max_tokens' must be an integer from 1 up, but is -1: correct it or leave it out."),
    .chat(
      ["max_completion_tokens": 4, "max_tokens": 5], field: "max_tokens",
      "'max_completion_tokens' is 4 and 'max_tokens' is 5, but they mean the same: send one of them."),
    .completion(
      "x", ["max_tokens": 0], field: "max_tokens",
      "'max_tokens' must be an integer from 1 up, but is 0: correct it or leave it out."),
    .completion(
      "x", ["max_tokens": -1, "echo": true], field: "max_tokens",
      "'max_tokens' must be an integer from 0 up, but is -1: correct it or leave it out."),
    .chat(["n": 9], field: "n", "'n' must be an integer from 1 to 8, but is 9: correct it or leave it out."),
    .completion(
      "x", ["best_of": 4], field: "best_of",
      "'best_of' is 4, but every answer asked for with 'n' is returned: leave it out or send 1."),
    .chat(
      ["stop": ""], field: "stop",
      "A stop string has 1 to 1000 bytes, but one has 0: correct it or leave it out."),
    .chat(
      ["stop": [1]], field: "stop",
      "'stop' must be a string or an array of at most 16 strings, but is an array: correct it or leave it out."
    ),
    .chat(
      ["stop": .array([JSONValue](repeating: "a", count: 17))], field: "stop",
      "'stop' must be a string or an array of at most 16 strings, but is an array of 17: correct it or leave it out."
    ),
    .chat(
      ["stop": .string(String(repeating: "s", count: 1001))], field: "stop",
      "A stop string has 1 to 1000 bytes, but one has 1001: correct it or leave it out."),
    .chat(
      ["stop_token_ids": [9999]], field: "stop_token_ids[0]",
      "'stop_token_ids[0]' must be a token id from 0 to 272, but is 9999: correct it."),
    .chat(
      ["stream": "yes"], field: "stream",
      "'stream' must be true or false, but is \"yes\": correct it or leave it out."),
    .chat(
      ["stream_options": ["include_usage": true]], field: "stream_options",
      "'stream_options' goes with 'stream': true, but 'stream' is not true: leave one out or add the other."),
    .chat(
      ["stream": true, "stream_options": ["usage": true]], field: "stream_options.usage",
      "'stream_options.usage' is not a field that this server knows: leave it out."),
    .completion(
      .string(String(repeating: "x", count: 512)), field: "prompt",
      "The prompt has 512 tokens, but the context holds 512 and the answer needs at least one of them: "
        + "shorten the prompt or raise the context length."),
  ]

  static let messages: [BadRequest] = [
    .chat(
      ["messages": nil], field: "messages",
      "'messages' is missing: send the conversation as an array of messages."),
    .chat(["messages": []], field: "messages", "'messages' is empty: send at least one message."),
    .chat(
      ["messages": "hi"], field: "messages",
      "'messages' must be an array of messages, but is \"hi\": correct it."),
    .chat(
      ["messages": ["hi"]], field: "messages[0]",
      "messages[0]: expected an object with role and content, found a string."),
    .chat(
      ["messages": [["role": "robot", "content": "x"]]], field: "messages[0]",
      "messages[0]: expected a role that is system, developer, user, assistant or tool, found \"robot\"."),
    .chat(
      ["messages": [["content": "x"]]], field: "messages[0]",
      "messages[0]: expected a role that is system, developer, user, assistant or tool, found none."),
    .chat(
      ["messages": [["role": "user", "content": nil]]], field: "messages[0].content",
      "'messages[0].content' is missing: send a string or an array of text parts."),
    .chat(
      ["messages": [["role": "user", "content": 5]]], field: "messages[0]",
      "messages[0]: expected content that is a text or an array of text parts, found a number."),
    .chat(
      ["messages": [["role": "user", "content": [["type": "image_url", "image_url": ["url": "x"]]]]]],
      field: "messages[0]",
      "messages[0]: expected a text part in content[0], found a part of type \"image_url\"."),
    .chat(
      ["messages": [["role": "user", "contents": "x", "content": "y"]]], field: "messages[0].contents",
      "'messages[0].contents' is not a field that this server knows: leave it out."),
    .chat(
      ["messages": [["role": "assistant", "tool_calls": [["function": ["arguments": "{}"]]]]]],
      field: "messages[0]", "messages[0]: expected the function's name in tool_calls[0], found none."),
    .chat(
      ["continue_final_message": true], field: "continue_final_message",
      "'continue_final_message' needs the last message to be the assistant's, but it is of role \"user\": "
        + "add the beginning of an answer."),
    .chat(
      ["continue_final_message": true, "add_generation_prompt": true], field: "continue_final_message",
      "'continue_final_message' and 'add_generation_prompt' are both true, but a message is either continued "
        + "or followed by a new one: send one of them."),
  ]

  static let tools: [BadRequest] = [
    .chat(
      ["tools": [:]], field: "tools",
      "'tools' must be an array of tools, but is an object: correct it or leave it out."),
    .chat(
      ["tools": [["type": "retrieval"]]], field: "tools[0]",
      "'tools[0]' must have the type \"function\" and a function: correct it."),
    .chat(
      ["tools": [["type": "function", "function": [:]]]], field: "tools[0].function.name",
      "'tools[0].function.name' is missing: name the function."),
    .chat(
      ["tools": [["type": "function", "function": ["name": "f", "parameters": "p"]]]],
      field: "tools[0].function.parameters",
      "'tools[0].function.parameters' must be an object, but is \"p\": correct it or leave it out."),
    .chat(
      ["tools": [weather, weather]], field: "tools[1].function.name",
      "Two tools are named 'weather': give each its own name."),
    .chat(
      ["tools": .array([JSONValue](repeating: weather, count: 129))], field: "tools",
      "'tools' may have 128 entries, but has 129: send fewer."),
    .chat(
      ["tools": [weather], "tool_choice": "required"], field: "tool_choice",
      "'tool_choice' must be \"auto\" or \"none\", but is \"required\": the model cannot be made to call a function."
    ),
    .chat(
      ["tool_choice": "auto"], field: "tool_choice",
      "'tool_choice' is \"auto\", but there are no 'tools' to choose from: send some."),
    .chat(
      ["tools": [weather], "parallel_tool_calls": false], field: "parallel_tool_calls",
      "'parallel_tool_calls' is false, but the number of tool calls is up to the model: leave it out or send true."
    ),
  ]

  private static let weather: JSONValue = ["type": "function", "function": ["name": "weather"]]

  static let thinking: [BadRequest] = [
    .chat(
      ["chat_template_kwargs": ["enable_thinking": "false"]], field: "chat_template_kwargs.enable_thinking",
      "'chat_template_kwargs.enable_thinking' must be true or false, but is \"false\": correct it or leave it out."
    ),
    .chat(
      ["chat_template_kwargs": ["enable_thinking": 0]], field: "chat_template_kwargs.enable_thinking",
      "'chat_template_kwargs.enable_thinking' must be true or false, but is 0: correct it or leave it out."),
    .chat(
      ["chat_template_kwargs": ["tokenize": true]], field: "chat_template_kwargs.tokenize",
      "'chat_template_kwargs.tokenize' is not a field that this server knows: leave it out."),
    .chat(
      ["chat_template_kwargs": true], field: "chat_template_kwargs",
      "'chat_template_kwargs' must be an object, but is true: correct it or leave it out."),
    .chat(
      ["reasoning_effort": "extreme"], field: "reasoning_effort",
      "'reasoning_effort' must be one of none, low, medium, high, but is \"extreme\": correct it or leave it out."
    ),
    .chat(
      ["reasoning_effort": "none", "chat_template_kwargs": ["enable_thinking": true]],
      field: "reasoning_effort",
      "'reasoning_effort' is \"none\", but 'chat_template_kwargs.enable_thinking' is true: send one of them."),
  ]

  static let prompts: [BadRequest] = [
    .completion(nil, field: "prompt", "'prompt' is missing: send a text or an array of token ids."),
    .completion(
      5, field: "prompt",
      "'prompt' must be a string, an array of strings, an array of token ids or an array of such arrays, but is 5: "
        + "correct it."),
    .completion(
      [], field: "prompt",
      "'prompt' must be a string, an array of strings, an array of token ids or an array of such arrays, but is "
        + "an empty array: correct it."),
    .completion("", field: "prompt", "The prompt has no tokens: send at least one."),
    .completion([[1], []], field: "prompt", "The prompt has no tokens: send at least one."),
    .completion(
      [1, -1], field: "prompt[1]",
      "'prompt[1]' must be a token id from 0 to 272, but is -1: correct it."),
    .completion(
      [[1], [273]], field: "prompt[1][0]",
      "'prompt[1][0]' must be a token id from 0 to 272, but is 273: correct it."),
    .completion(
      [["a"]], field: "prompt[0][0]",
      "'prompt[0][0]' must be a token id from 0 to 272, but is \"a\": correct it."),
    .completion(
      ["a", true], field: "prompt[1]",
      "'prompt[1]' must be a string or an array of token ids, but is true: correct it."),
    .completion(
      .array([JSONValue](repeating: "a", count: 33)), ["n": 8], field: "prompt",
      "A request may ask for 256 answers, but 33 prompts × 'n' are 264: send fewer prompts at a time."),
    .completion(
      "x", ["suffix": "end"], field: "suffix",
      "'suffix' is \"end\", but the model does not fill in the middle: leave it out or send \"\"."),
  ]

  static let unknown: [BadRequest] = [
    .chat(
      ["temprature": 1], field: "temprature",
      "'temprature' is not a field that this server knows: leave it out."),
    .chat(
      ["thinking_token_budget": 5], field: "thinking_token_budget",
      "'thinking_token_budget' is not a field that this server knows: leave it out."),
    .chat(
      ["response_format": ["type": "json_object"]], field: "response_format",
      "'response_format' is an object, but answers are not constrained to a format: leave it out or send "
        + "{\"type\":\"text\"}."),
    .chat(
      ["min_tokens": 5], field: "min_tokens",
      "'min_tokens' is 5, but answers may end at any token: leave it out or send 0."),
    .chat(
      ["chat_template": "{{x}}"], field: "chat_template",
      "'chat_template' is \"{{x}}\", but the chat template is Qwen3's own: leave it out."),
    BadRequest(
      path: "/tokenize", body: "{}", field: "prompt",
      message: "'prompt' is missing: send a text, or a conversation as 'messages'."),
    BadRequest(
      path: "/detokenize", body: "{\"tokens\": [-3]}", field: "tokens[0]",
      message: "'tokens[0]' must be a token id from 0 to 272, but is -3: correct it."),
    BadRequest(
      path: "/detokenize", body: "{}", field: "tokens",
      message: "'tokens' is missing: send an array of token ids."),
  ]
}
