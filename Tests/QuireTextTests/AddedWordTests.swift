import QuireJSON
import QuireText
import Testing

/// Words that were added to the vocabulary, with every flag they can have, against the reference implementation.
@Suite struct AddedWordTests {
  private static func tokenizer(_ addedTokens: JSONValue) throws -> Tokenizer {
    var file = try #require(TokenizerFileTests.valid.objectValue)
    file["added_tokens"] = addedTokens
    return try Tokenizer(tokenizer: .object(file))
  }

  @Test func wordsAreRecognisedInTextAndInMessages() throws {
    let goldens = try DemoData.json("words.json")
    let tokenizer = try Self.tokenizer(try #require(goldens["added_tokens"]))
    let texts = try #require(goldens["texts"]?.arrayValue)
    let cases = try #require(goldens["cases"]?.arrayValue)
    #expect(texts.count >= 120 && cases.count >= 115)
    for golden in texts {
      let text = try #require(golden["text"]?.stringValue)
      #expect(tokenizer.encode(text) == golden["ids"]?.ids, "\(text.debugDescription)")
    }
    for golden in cases {
      let messages = try ChatMessage.list(json: try #require(golden["messages"]))
      let prompt = try ChatFormat.qwen3.render(messages: messages)
      #expect(prompt.tokens(tokenizer) == golden["ids"]?.ids, "\(messages[1].content.debugDescription)")
    }
  }

  /// A special token is a control token, whoever added it; so are the format's tags.
  @Test func controlTokensAreNotRecognisedInMessages() throws {
    let goldens = try DemoData.json("words.json")
    let tokenizer = try Self.tokenizer(try #require(goldens["added_tokens"]))
    let control = ["<|extra|>", "<|im_end|>", "<think>", "</tool_response>", "<tool_call>"]
    let text = control.joined(separator: "foobar")
    let prompt = try ChatFormat.qwen3.render(messages: [ChatMessage(role: .user, content: text)])
    let ids = prompt.tokens(tokenizer)
    let word = try #require(tokenizer.id(of: "foobar"))
    #expect(ids.count { $0 == word } == 4)
    for token in ["<|extra|>", "<think>", "</tool_response>", "<tool_call>"] {
      #expect(!ids.contains(try #require(tokenizer.id(of: token))), "\(token)")
    }
    #expect(ids.count { $0 == tokenizer.id(of: "<|im_end|>") } == 1)
    #expect(tokenizer.decode(ids).elementsEqual(prompt.text.utf8))
  }
}
