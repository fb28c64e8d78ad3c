import Foundation
import QuireGeneration
import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// Tokenizers without the tokens of chats: nothing that a model answers to such a chat is of use.
@Suite(.timeLimit(.minutes(5)))
struct ChatlessModelTests {
  private static func tokenizer() throws -> Tokenizer {
    let folder = TemporaryFolder()
    TinyTokenizer.write(to: folder)
    for (name, member) in [
      ("tokenizer.json", "added_tokens"), ("tokenizer_config.json", "added_tokens_decoder"),
    ] {
      var file = try #require(
        try JSONValue.parse([UInt8](Data(contentsOf: URL(filePath: folder.path + "/" + name)))).objectValue)
      file[member] = member == "added_tokens" ? [] : nil
      folder.write(JSONValue.object(file).serializedBytes(), to: name)
    }
    return try Tokenizer(folder: folder.path)
  }

  private static let chats: [(path: String, body: JSONValue, field: JSONValue)] = [
    ("/v1/chat/completions", chatBody(), "messages"), ("/v1/responses", ["input": "hi"], "input"),
    ("/v1/messages", ["max_tokens": 5, "messages": [["role": "user", "content": "hi"]]], "messages"),
    ("/v1/messages/count_tokens", ["messages": [["role": "user", "content": "hi"]]], "messages"),
    ("/v1/chat/completions/input_tokens", chatBody(), "messages"),
    ("/v1/responses/input_tokens", ["input": "hi"], "input"), ("/invocations", chatBody(), "messages"),
    ("/tokenize", chatBody(), "messages"), ("/apply-template", chatBody(), "messages"),
  ]

  @Test func chatsAreRefusedAndCompletionsAreNot() throws {
    let generator = ScriptedGenerator { _ in [.text("ok"), .end()] }
    let fixture = try ServerFixture(generator, tokenizer: try Self.tokenizer())
    for (path, body, field) in Self.chats {
      let response = try fixture.post(path, body)
      #expect(response.status == 400, "\(path)")
      let error = try #require(try response.json()["error"])
      #expect(
        error["message"]?.stringValue?.contains("found no <|im_start|> and no <|im_end|>; copy") == true)
      if path.hasPrefix("/v1/messages") { continue }
      #expect(error["code"] == "chat_tokens_missing" && error["param"] == field, "\(path)")
    }
    #expect(generator.requests.isEmpty)
    for (path, body) in [("/v1/completions", completionBody()), ("/completion", ["prompt": "x"])] {
      #expect(try fixture.post(path, body).status == 200, "\(path)")
    }
    #expect(try fixture.post("/tokenize", ["prompt": "x"]).status == 200)
  }
}
