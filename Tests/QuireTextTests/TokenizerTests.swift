import Foundation
import QuireJSON
import QuireText
import TestSupport
import Testing

@Suite struct TokenizerTests {
  @Test func knowsItsTokens() {
    let tokenizer = DemoData.tokenizer
    #expect(tokenizer.vocabularySize == 701)
    #expect(tokenizer.id(of: "<|endoftext|>") == 675)
    #expect(tokenizer.id(of: "<think>") == 699)
    #expect(tokenizer.id(of: "</think>") == 700)
    #expect(tokenizer.id(of: "no such token") == nil)
    #expect(tokenizer.endOfSequenceIDs == [675, 677])
    #expect(tokenizer.isSpecial(677))
    #expect(!tokenizer.isSpecial(699))
    #expect(!tokenizer.isSpecial(-1))
    for id in Int32(0)..<675 {
      #expect(tokenizer.id(of: String(decoding: tokenizer.bytes(of: id), as: UTF8.self)) == id || !isUTF8(id))
    }
  }

  private func isUTF8(_ id: Int32) -> Bool {
    String(validating: DemoData.tokenizer.bytes(of: id), as: UTF8.self) != nil
  }

  /// `add_tokens(["é"])` of `tokenizers` takes the token of byte 233, whose spelling is that text, and " t" likewise.
  @Test(arguments: ["é", "Ġ"]) func anAddedTokenMayBeOneOfTheVocabulary(_ text: String) throws {
    var root = try #require(TokenizerFileTests.valid.objectValue)
    let id = try #require(root["model"]?["vocab"]?[text]?.intValue)
    let added: JSONValue = [
      "id": .int(id), "content": .string(text), "special": false, "single_word": false, "lstrip": false,
      "rstrip": false, "normalized": false,
    ]
    root["added_tokens"] = .array([added] + (root["added_tokens"]?.arrayValue ?? []))
    let tokenizer = try Tokenizer(tokenizer: .object(root))
    #expect(tokenizer.encode("a" + text) == DemoData.tokenizer.encode("a") + [Int32(id)])
    // In any other text it stays what it was.
    let other = "\u{9999} t"
    let ids = tokenizer.encode(other)
    #expect(ids == DemoData.tokenizer.encode(other))
    #expect(tokenizer.decode(ids) == Array(other.utf8))
    #expect(tokenizer.sourceJSON["model"] == TokenizerFileTests.valid["model"])
  }

  @Test func theSourceIsTheFile() throws {
    #expect(DemoData.tokenizer.sourceJSON == TokenizerFileTests.valid)
    let again = try Tokenizer(
      tokenizer: DemoData.tokenizer.sourceJSON, configuration: DemoData.tokenizer.configuration)
    #expect(again.encode("Hello, it's me") == DemoData.tokenizer.encode("Hello, it's me"))
  }

  @Test(.enabled(if: ReferenceData.isPresent, "needs ../shared/qwen3-tokenizer"))
  func theRealSourceIsTheFile() throws {
    #expect(ReferenceData.tokenizer.sourceJSON == (try ReferenceData.json("tokenizer.json")))
    #expect(ReferenceData.tokenizer.endOfSequenceIDs == [151645, 151643])
    #expect(ReferenceData.tokenizer.vocabularySize == 151669)
  }

  @Test func invalidUTF8IsReadAsReplacementCharacters() {
    let tokenizer = DemoData.tokenizer
    #expect(tokenizer.encode(utf8: [0x61, 0xE4, 0xBD, 0x62, 0xFF]) == tokenizer.encode("a\u{FFFD}b\u{FFFD}"))
  }

  /// Twenty thousand words share sixteen thousand places of the cache: later ones push earlier ones out.
  @Test func rememberedWordsEncodeAsNewOnes() throws {
    var generator = SeededGenerator(seed: 7)
    let words = (0..<20_000).map { _ -> String in
      let letters = (0..<Int.random(in: 1...30, using: &generator)).map { _ in
        UInt8.random(in: UInt8(ascii: "a")...UInt8(ascii: "f"), using: &generator)
      }
      return " " + String(decoding: letters, as: UTF8.self)
    }
    let tokenizer = try Tokenizer(tokenizer: TokenizerFileTests.valid)
    let first = tokenizer.encode(words.joined())
    #expect(tokenizer.encode(words.joined()) == first)
    #expect(Array(words.reversed().flatMap { tokenizer.encode($0).reversed() }.reversed()) == first)
    #expect(tokenizer.decode(first).elementsEqual(words.joined().utf8))
  }

  /// A piece of a megabyte must take n log n: n² would take hours.
  @Test func oneHugePieceEncodes() {
    let text = String(repeating: "the", count: 400_000)
    #expect(DemoData.tokenizer.decode(DemoData.tokenizer.encode(text)).elementsEqual(text.utf8))
  }

  @Test func threadsEncodeSideBySide() {
    let tokenizer = DemoData.tokenizer
    let texts = (0..<64).map { "Number \($0): it's number \($0 * $0), nothing else" }
    let expected = texts.map { tokenizer.encode($0) }
    DispatchQueue.concurrentPerform(iterations: 64) { index in
      for _ in 0..<20 { #expect(tokenizer.encode(texts[index]) == expected[index]) }
    }
  }

  /// Added tokens that are matched after normalization, as `add_tokens` of the reference makes them.
  @Test func normalizedAddedTokensAreMatchedAfterNormalization() throws {
    var root = try #require(TokenizerFileTests.valid.objectValue)
    var added = try #require(root["added_tokens"]?.arrayValue)
    added.append(["id": 701, "content": "caf\u{e9}", "normalized": true, "special": false])
    root["added_tokens"] = .array(added)
    let tokenizer = try Tokenizer(tokenizer: .object(root))
    #expect(tokenizer.encode("un cafe\u{301}!").contains(701))
    #expect(tokenizer.encode("un caf\u{e9}!").contains(701))
    #expect(!tokenizer.encode("un cafe\u{301}!", addedTokens: .plainText).contains(701))
    #expect(!tokenizer.encode("un cafe").contains(701))
  }
}
