import Foundation
import QuireJSON
import TestSupport
import Testing

/// Tokenizers without the tokens of chats, as they are left when a file of the checkpoint is missing: their answers to
/// chats would be of no use.
@Suite struct ChatTokenTests {
  private let place = Workplace()
  private static let missing = "no <|im_start|> and no <|im_end|>"

  init() throws {
    try place.checkpoint.edit("tokenizer.json") { $0["added_tokens"] = [] }
    try place.checkpoint.edit("tokenizer_config.json") { $0["added_tokens_decoder"] = nil }
  }

  @Test func chatsAreRefusedAndRawTextIsNot() throws {
    let path = place.checkpoint.path
    let words = ["generate", path, "--prompt", "hello", "--max-tokens", "2", "--seed", "1", "--quiet"]
    expectRefusal(
      try BuiltProgram.quire.run(words), by: "generate",
      ["expected the tokens of chats", "found \(Self.missing); copy", "use only raw prompts and completions"])
    expectRefusal(
      try BuiltProgram.quire.run("chat", path), by: "chat", ["found \(Self.missing); copy"])
    let raw = try BuiltProgram.quire.run(words + ["--raw"])
    #expect(raw.status == 0, "\(raw.errors)")
  }

  @Test func servedChatsAreRefusedAndCompletionsAreNot() throws {
    let served = try ServedProgram(place.checkpoint.path)
    #expect(try served.errors.contains("which its chats need: generate, chat and serve refuse chats"))
    let chat = try #require(
      exchangeOnce(
        port: served.port, "POST", "/v1/chat/completions",
        body: #"{"messages": [{"role": "user", "content": "hi"}]}"#))
    #expect(chat.status == 400 && chat.text.contains("found \(Self.missing); copy"), "\(chat.text)")
    let raw = exchangeOnce(
      port: served.port, "POST", "/v1/completions", body: #"{"prompt": "hi", "max_tokens": 2}"#)
    #expect(raw?.status == 200)
  }

  @Test func conversionsSaySo() throws {
    let outcome = try BuiltProgram.quire.run(place.conversion())
    #expect(outcome.status == 0)
    #expect(
      outcome.errors.hasPrefix(
        "note: the tokenizer of \(place.checkpoint.path) has no token <|im_start|> and no <|im_end|>, which its chats need"
      ))
  }

  @Test func anEndThatIsNoTokenIsNamed() throws {
    let place = Workplace()
    try place.checkpoint.edit("config.json") { $0["eos_token_id"] = 300 }
    let outcome = try BuiltProgram.quire.run(place.conversion())
    #expect(
      outcome.errors.contains(
        "has no token with the id 300, which config.json names as eos_token_id: answers may not end"))
  }

  @Test func pointersAreNamed() throws {
    let place = Workplace()
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    let advice = "found a Git LFS pointer instead of the file; run git lfs pull in its folder"
    place.checkpoint.write(pointer.utf8, to: "tokenizer.json")
    for command in ["tokenize", "generate"] {
      expectRefusal(
        try BuiltProgram.quire.run(
          [command, place.checkpoint.path] + (command == "generate" ? ["--prompt", "x"] : [])), by: command,
        ["expected the tokenizer's file at \(place.checkpoint.path)/tokenizer.json", advice])
    }
    let other = Workplace()
    other.checkpoint.write(pointer.utf8, to: "config.json")
    expectRefusal(
      try BuiltProgram.quire.run("inspect", other.checkpoint.path), by: "inspect",
      ["expected valid JSON at \(other.checkpoint.path)/config.json", advice])
  }
}
