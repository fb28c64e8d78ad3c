import QuireJSON
import QuireText
import Testing

/// Prompts against what the original template renders.
@Suite struct ChatTemplateTests {
  @Test(.enabled(if: ReferenceData.isPresent, "needs ../shared/qwen3-tokenizer"))
  func agreesWithTheReferenceGoldens() throws {
    try check(try ReferenceData.json("chat_golden.json"), ReferenceData.tokenizer, caseCountMin: 56)
    #expect(ReferenceData.tokenizer.chatFormat.format == .qwen3)
  }

  @Test func agreesWithTheDemoGoldens() throws {
    try check(try DemoData.json("chat.json"), DemoData.tokenizer, caseCountMin: 40)
    #expect(DemoData.tokenizer.chatFormat.format == .qwen3)
  }

  private func check(_ goldens: JSONValue, _ tokenizer: Tokenizer, caseCountMin: Int) throws {
    let cases = try #require(goldens["cases"]?.arrayValue)
    #expect(cases.count >= caseCountMin)
    for golden in cases {
      let name = golden["id"]?.stringValue ?? "?"
      let prompt = try render(golden)
      let expected = try #require(golden["rendered"]?.stringValue)
      #expect(prompt.text.utf8.elementsEqual(expected.utf8), "\(name)")
      let ids = try #require(golden["ids"]?.ids)
      #expect(prompt.tokens(tokenizer, forgeable: true) == ids, "\(name)")
      // Where no message spells an added token, whether it could makes no difference.
      let spellsNone = prompt.pieces.filter { !$0.isTemplate }.allSatisfy {
        tokenizer.encode($0.text) == tokenizer.encode($0.text, addedTokens: .plainText)
      }
      if spellsNone { #expect(prompt.tokens(tokenizer) == ids, "\(name)") }
    }
  }

  private func render(_ golden: JSONValue) throws -> ChatPrompt {
    let kwargs = golden["kwargs"]
    let messages = try ChatMessage.list(json: golden["messages"] ?? .null, joinsParts: false)
    return try ChatFormat.qwen3.render(
      messages: messages, tools: golden["tools"]?.arrayValue ?? [],
      mode: kwargs?["enable_thinking"] == .bool(false) ? .nonThinking : .thinking,
      addGenerationPrompt: kwargs?["add_generation_prompt"]?.boolValue ?? false,
      continueFinalMessage: kwargs?["continue_final_message"]?.boolValue ?? false)
  }
}
