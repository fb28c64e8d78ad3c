import QuireGeneration
import QuireJSON
import QuireText
import TestSupport
import Testing

/// Conversations as clients send them back, and the prompts they become.
@Suite(.timeLimit(.minutes(5)))
struct HistoryTests {
  private func prompts(_ conversations: [JSONValue]) throws -> [String] {
    let generator = ScriptedGenerator { _ in [.end()] }
    let fixture = try ServerFixture(generator)
    for messages in conversations {
      let response = try fixture.post("/v1/chat/completions", chatBody(["messages": messages]))
      #expect(response.status == 200, "\(response.text)")
    }
    let tokenizer = try ServerFixture.tokenizer()
    return generator.requests.map { String(decoding: tokenizer.decode($0.promptTokens), as: UTF8.self) }
  }

  private static func conversation(_ answer: JSONValue, tool: JSONValue? = nil) -> JSONValue {
    .array([["role": "user", "content": "q"], answer] + (tool.map { [$0] } ?? []))
  }

  /// Each has the same prompt as the plain form of the same message.
  @Test func membersThatTheTemplateDoesNotUseDoNotMatter() throws {
    let plain: JSONValue = ["role": "assistant", "content": "a", "reasoning_content": "r"]
    let extra: JSONObject = [
      "provider_specific_fields": ["refusal": nil],
      "reasoning_details": [["type": "reasoning.text", "text": "r"]],
      "thinking_blocks": [["type": "thinking", "thinking": "r", "signature": "s"]], "cache_control": [:],
      "model": "m", "createdAt": "2026", "is_error": false, "annotations": [], "audio": nil, "refusal": nil,
      "function_call": nil, "name": "n", "id": "i", "status": "completed", "tool_calls": nil, "images": nil,
    ]
    var all = try #require(plain.objectValue)
    for member in extra.members { all[member.key] = member.value }
    var spelled: JSONObject = [
      "role": "assistant", "reasoning": "r", "content": [["type": "text", "text": "a"]],
    ]
    spelled["reasoning_content"] = .null
    let found = try prompts(
      [plain, .object(all), .object(spelled)].map { Self.conversation($0) })
    #expect(found[0].contains("<think>\nr\n</think>\n\na<|im_end|>"))
    #expect(Set(found).count == 1)
  }

  @Test func answersWithoutContentAreAnswersWithoutText() throws {
    let forms: [JSONValue] = [
      ["role": "assistant", "content": "", "reasoning_content": "r"],
      ["role": "assistant", "reasoning_content": "r"],
      ["role": "assistant", "content": nil, "reasoning": "r", "tool_calls": []],
      ["role": "assistant", "content": [], "thinking": "r"],
    ]
    let found = try prompts(forms.map { Self.conversation($0) })
    #expect(found[0].hasSuffix("<think>\nr\n</think>\n\n<|im_end|>\n<|im_start|>assistant\n"))
    #expect(Set(found).count == 1)
  }

  @Test func callsAndResultsMayBeEmpty() throws {
    let arguments: [JSONValue] = ["{}", [:], .null, "", "  "]
    let results: [JSONObject] = [
      ["role": "tool", "content": "", "tool_call_id": "c"], ["role": "tool", "content": nil],
      ["role": "tool"],
      ["role": "tool", "content": []], ["role": "function", "name": "f", "content": nil],
    ]
    let found = try prompts(
      zip(arguments, results).map { arguments, result in
        let call: JSONValue = [
          "id": "c", "type": "function", "function": ["name": "f", "arguments": arguments],
        ]
        return Self.conversation(
          ["role": "assistant", "content": nil, "tool_calls": [call]], tool: .object(result))
      })
    #expect(found[0].contains("<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call><|im_end|>"))
    #expect(found[0].contains("<|im_start|>user\n<tool_response>\n\n</tool_response><|im_end|>"))
    #expect(Set(found).count == 1)
  }
}
