import Foundation
import QuireJSON
import TestSupport
import Testing

/// What `inspect` says about a model's tokenizer.
@Suite struct InspectTokenizerTests {
  private let place = Workplace()

  private func inspect(_ words: String...) throws -> Tool.Outcome {
    try BuiltProgram.quire.run(["inspect", place.checkpoint.path] + words)
  }

  @Test func aSoundOneIsShown() throws {
    for model in [place.checkpoint.path, try place.pack()] {
      let text = try BuiltProgram.quire.run("inspect", model)
      #expect(text.status == 0 && text.errors == "")
      #expect(
        text.output.contains(
          "\ntokenizer: byte-level BPE, 273 tokens, 9 of them added, 8 merges; 273 ids, which the model has\n"
            + "chat format: qwen3 ("))
      let shown = try json(BuiltProgram.quire.run("inspect", model, "--json"))["tokenizer"]
      #expect(shown?["kind"] == "BPE" && shown?["tokens"] == 273 && shown?["vocabularySize"] == 273)
      #expect(shown?["missingChatTokens"] == [] && shown?["fault"] == .null)
    }
  }

  /// The rest of the model is shown all the same.
  @Test func aBrokenOneIsNamed() throws {
    place.checkpoint.write("{\"model\"".utf8, to: "tokenizer.json")
    for words in [[], ["--json"]] {
      let outcome = try BuiltProgram.quire.run(["inspect", place.checkpoint.path] + words)
      #expect(outcome.status == 1 && outcome.output.contains("model.layers.1.mlp.up_proj.weight"))
      expectOneSentence(
        outcome.errors, by: "inspect",
        ["expected valid JSON in \(place.checkpoint.path)/tokenizer.json", "download the file again"])
    }
    let shown = try JSONValue.parse(Array(inspect("--json").output.utf8))["tokenizer"]
    #expect(shown?["fault"]?.stringValue?.hasPrefix("expected valid JSON") == true)
    #expect(try inspect().output.contains("\ntokenizer: cannot be used, see the message below\n"))
  }

  /// As a broken link of a download cache.
  @Test func aLinkToNothingIsBroken() throws {
    try place.checkpoint.remove("tokenizer.json")
    let path = place.checkpoint.path + "/tokenizer.json"
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "../blobs/gone")
    let outcome = try inspect()
    #expect(outcome.status == 1)
    expectOneSentence(
      outcome.errors, by: "inspect", ["expected to read \(path)", "no such file or directory"])
  }

  @Test func oneOfAnotherModelIsNamed() throws {
    for name in ["tokenizer.json", "tokenizer_config.json"] {
      place.checkpoint.write(
        try Data(contentsOf: URL(fileURLWithPath: Workplace.demo + "/" + name)), to: name)
    }
    let outcome = try inspect()
    #expect(outcome.status == 1 && outcome.output.contains("; 701 ids, but the model has 320\n"))
    expectOneSentence(outcome.errors, by: "inspect", ["expected at most 320 tokens", "found 701"])
  }

  @Test func missingChatTokensAreNoted() throws {
    try place.checkpoint.edit("tokenizer.json") { $0["added_tokens"] = [] }
    try place.checkpoint.edit("tokenizer_config.json") { $0["added_tokens_decoder"] = nil }
    let outcome = try inspect("--json")
    #expect(outcome.status == 0 && outcome.errors.contains("has no token <|im_start|> and no <|im_end|>"))
    #expect(try json(outcome)["tokenizer"]?["missingChatTokens"] == ["<|im_start|>", "<|im_end|>"])
  }

  @Test func noneIsNoFault() throws {
    try place.checkpoint.remove("tokenizer.json")
    let outcome = try inspect()
    #expect(outcome.status == 0 && outcome.errors == "" && outcome.output.contains("\ntokenizer: none\n"))
    #expect(try json(inspect("--json"))["tokenizer"] == .null)
    // One tensor is looked at without it.
    let tensor = try inspect("--tensor", "model.norm.weight")
    #expect(tensor.status == 0)
  }
}
