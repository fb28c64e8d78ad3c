import Foundation
import QuireJSON
import QuireText
import TestSupport
import Testing

/// Tokenizers of checkpoints that are not Qwen's own, against ids that `tokenizers` gave: `tools/make-tokenizer-goldens`
/// writes them, with invented vocabularies.
@Suite struct OtherTokenizerTests {
  private static let goldens: [JSONValue] = {
    do {
      return try DemoData.json("tokenizers.json")["tokenizers"]?.arrayValue ?? []
    } catch {
      preconditionFailure("\(error)")
    }
  }()

  static let names = ["framed", "sequence", "no-normalizer", "strips", "gaps", "deepseek"]

  @Test(arguments: names) func encodesAsTokenizersDoes(name: String) throws {
    let golden = try #require(Self.goldens.first { $0["name"]?.stringValue == name })
    let tokenizer = try Tokenizer(tokenizer: try #require(golden["file"]))
    let cases = golden["cases"]?.arrayValue ?? []
    #expect(cases.count > 10)
    for item in cases {
      let text = item["text"]?.stringValue ?? ""
      func ids(_ key: String) -> [Int32] {
        item[key]?.arrayValue?.compactMap { $0.intValue.map(Int32.init) } ?? []
      }
      #expect(tokenizer.encode(text) == ids("ids"), "\(text)")
      #expect(tokenizer.encodeDocument(text) == ids("framed"), "\(text)")
      #expect(
        String(decoding: tokenizer.decode(ids("framed")), as: UTF8.self) == item["decoded"]?.stringValue)
    }
    let again = try Tokenizer(tokenizer: tokenizer.sourceJSON)
    for item in cases {
      let text = item["text"]?.stringValue ?? ""
      #expect(again.encodeDocument(text) == tokenizer.encodeDocument(text))
    }
  }

  /// Ids without a token decode to nothing, and an added token is found by its id whatever is between them.
  @Test func idsMayBeUnused() throws {
    for (name, size, used, unused) in [
      ("gaps", 306, [262, 268, 280, 300, 305], [260, 261, 263, 279, 299, 304]),
      ("deepseek", 280, [265, 267, 270, 279], [266, 268, 269, 274, 277]),
    ] as [(String, Int, [Int32], [Int32])] {
      let golden = try #require(Self.goldens.first { $0["name"]?.stringValue == name })
      let tokenizer = try Tokenizer(tokenizer: try #require(golden["file"]))
      #expect(tokenizer.vocabularySize == size)
      #expect(used.allSatisfy(tokenizer.isUsed) && !unused.contains(where: tokenizer.isUsed))
      #expect(tokenizer.decode(unused + [97] + unused) == Array("a".utf8))
      #expect(tokenizer.sourceJSON["model"]?["vocab"] != nil)
      for token in golden["file"]?["added_tokens"]?.arrayValue ?? [] {
        #expect(
          tokenizer.id(of: token["content"]?.stringValue ?? "") == token["id"]?.intValue.map(Int32.init))
      }
    }
  }

  /// The lists of a GGUF file say each id; those between them may be unused.
  @Test func listsMayLeaveIDsOut() throws {
    let golden = try #require(Self.goldens.first { $0["name"]?.stringValue == "no-normalizer" })
    let bytes = golden["file"]?["model"]?["vocab"]?.objectValue?.members.prefix(256).map(\.key) ?? []
    let tokenizer = try Tokenizer(
      vocabulary: bytes, added: [(258, "<s>", true), (261, "<｜User｜>", false), (262, "<think>", false)],
      merges: [], configuration: ["eos_token": "<s>"])
    #expect(tokenizer.vocabularySize == 263 && tokenizer.endOfSequenceIDs == [258])
    #expect(tokenizer.encode("<｜User｜>a<think><s>") == [261, 97, 262, 258])
    let again = try Tokenizer(tokenizer: tokenizer.sourceJSON)
    #expect(again.encode("<｜User｜>a<think><s>") == [261, 97, 262, 258] && again.vocabularySize == 263)
  }

  /// Control tokens that are matched after normalization: in the template's text, and never in a message, even where a
  /// message begins with a mark that joins the template's last character.
  @Test(arguments: [false, true]) func normalizedTokensAreTheTemplates(normalizes: Bool) throws {
    let golden = try #require(Self.goldens.first { $0["name"]?.stringValue == "deepseek" })
    var file = try #require(golden["file"]?.objectValue)
    if normalizes { file["normalizer"] = ["type": "NFC"] }
    let template =
      "{% for m in messages %}<｜User｜>e{{ m.content }}e\u{301}<｜Assistant｜><think>\n{% endfor %}{# </think> #}"
    let tokenizer = try Tokenizer(
      tokenizer: .object(file), configuration: ["chat_template": .string(template)])
    let format = try tokenizer.chatFormat.required()
    for text in ["a", "\u{301}", "\u{301}<think>\u{301}", "<｜User｜></think><|EOT|>", "\u{1100}\u{1161}", ""] {
      let prompt = try format.render(messages: [ChatMessage(role: .user, content: text)])
      let ids = prompt.tokens(tokenizer)
      #expect(ids.filter(tokenizer.isControl) == [270, 271, 275], "\(text.debugDescription)")
      if !text.contains("<") { #expect(ids == tokenizer.encode(prompt.text), "\(text.debugDescription)") }
      let expected = normalizes ? prompt.text.precomposedStringWithCanonicalMapping : prompt.text
      #expect(tokenizer.decode(ids) == Array(expected.utf8))
    }
  }

  /// vocab.json and merges.txt give the same as the tokenizer.json that `transformers` makes of them.
  @Test(arguments: [true, false]) func readsAVocabularyAndMerges(listsTokens: Bool) throws {
    let golden = try #require(Self.goldens.first { $0["name"]?.stringValue == "pair" })
    let folder = TemporaryFolder()
    folder.write((golden["vocab"] ?? .null).serialized().utf8, to: "vocab.json")
    folder.write((golden["merges"]?.stringValue ?? "").utf8, to: "merges.txt")
    if listsTokens {
      folder.write((golden["configuration"] ?? .null).serialized().utf8, to: "tokenizer_config.json")
    } else {
      folder.write((golden["added"] ?? .null).serialized().utf8, to: "added_tokens.json")
    }
    let tokenizer = try Tokenizer(folder: folder.path)
    for item in golden["cases"]?.arrayValue ?? [] {
      let ids = item["ids"]?.arrayValue?.compactMap { $0.intValue.map(Int32.init) }
      #expect(tokenizer.encode(item["text"]?.stringValue ?? "") == ids)
    }
    #expect(tokenizer.id(of: "<|im_end|>").map(tokenizer.isSpecial) == true)
    // Without one of the files there is no tokenizer.
    try FileManager.default.removeItem(atPath: folder.path + "/merges.txt")
    #expect(throws: TextError.self) { try Tokenizer(folder: folder.path) }
  }
}
