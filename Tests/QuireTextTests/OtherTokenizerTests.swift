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

  static let names = ["framed", "sequence", "no-normalizer", "strips"]

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
    #expect(again.encodeDocument("a b") == tokenizer.encodeDocument("a b"))
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
