import Foundation
import QuireJSON
import QuireText
import TestSupport
import Testing

/// Every malformed or foreign tokenizer is refused in one sentence.
@Suite struct TokenizerFileTests {
  static let valid: JSONValue = {
    do {
      return try readJSON(DemoData.folder + "/tokenizer.json")
    } catch {
      preconditionFailure("\(error)")
    }
  }()

  /// The sentence for the demo tokenizer with the value at a path of keys replaced, or removed.
  private func sentence(_ path: [String], _ value: JSONValue?) -> String {
    do throws(TextError) {
      let tokenizer = try Tokenizer(tokenizer: replacing(path[...], in: Self.valid, with: value))
      return "accepted, \(tokenizer.vocabularySize) ids"
    } catch {
      return "\(error)"
    }
  }

  private func replacing(_ path: ArraySlice<String>, in json: JSONValue, with value: JSONValue?) -> JSONValue
  {
    guard let key = path.first else { return value ?? .null }
    if var elements = json.arrayValue, let index = Int(key) {
      elements[index] = replacing(path.dropFirst(), in: elements[index], with: value)
      return .array(elements)
    }
    guard var object = json.objectValue else { preconditionFailure("no object to replace \(key) in") }
    object[key] = path.count == 1 ? value : replacing(path.dropFirst(), in: object[key] ?? [:], with: value)
    return .object(object)
  }

  @Test func theDemoTokenizerIsAccepted() {
    #expect(sentence(["version"], "1.0") == "accepted, 701 ids")
    #expect(sentence(["model", "merges", "0"], "Ġ t") == "accepted, 701 ids")
    #expect(sentence(["post_processor"], nil) == "accepted, 701 ids")
  }

  static let foreign = "; only tokenizers of Qwen2's and Qwen3's form are read"
  static let copy = "; copy the file from the original checkpoint"
  static let single = "; each id must have at most one token"

  @Test(
    arguments: [
      (["model"], nil, "model: expected an object, found nothing" + copy),
      (["model", "type"], "Unigram", "model.type: expected \"BPE\", found \"Unigram\"" + foreign),
      (["model", "dropout"], 0.1, "model.dropout: expected null, found 0.1" + foreign),
      (["model", "byte_fallback"], true, "model.byte_fallback: expected false, found true" + foreign),
      (["model", "ignore_merges"], true, "model.ignore_merges: expected false, found true" + foreign),
      (["normalizer"], ["type": "NFKC"], "normalizer.type: expected \"NFC\", found \"NFKC\"" + foreign),
      (
        ["decoder", "type"], "WordPiece",
        "decoder.type: expected \"ByteLevel\", found \"WordPiece\"" + foreign
      ),
      (
        ["post_processor"], ["type": "BertProcessing"],
        "post_processor.type: expected ByteLevel or one TemplateProcessing, found \"BertProcessing\""
          + foreign
      ),
      (
        ["post_processor"], ["type": "TemplateProcessing", "single": [["Sequence": ["id": "B"]]]],
        "post_processor.single[0]: expected a special token or the text once, found {\"Sequence\":{\"id\":\"B\"}}"
          + foreign
      ),
      (
        ["post_processor"],
        [
          "type": "TemplateProcessing",
          "single": [["SpecialToken": ["id": "<s>"]], ["Sequence": ["id": "A"]]],
          "special_tokens": ["<s>": ["ids": [701]]],
        ], "post_processor: expected ids of tokens, found 701" + copy
      ),
      (
        ["pre_tokenizer"], ["type": "ByteLevel"],
        "pre_tokenizer.type: expected \"Sequence\", found \"ByteLevel\"" + foreign
      ),
      (
        ["pre_tokenizer", "pretokenizers"], [],
        "pre_tokenizer.pretokenizers: expected a Split and a ByteLevel, found an array" + foreign
      ),
      (
        ["pre_tokenizer", "pretokenizers", "1", "add_prefix_space"], true,
        "pre_tokenizer.pretokenizers[1].add_prefix_space: expected false, found true" + foreign
      ),
      (["model", "vocab"], [], "model.vocab: expected an object of tokens, found an array" + copy),
      (["model", "vocab", "a"], "x", "model.vocab[\"a\"]: expected an integer, found a string" + copy),
      (
        ["model", "vocab", "a"], 700,
        "id 700: both a vocabulary token and the added token \"</think>\" have it" + single
      ),
      (["model", "vocab", "a"], 66, "id 66: two tokens have it, one is \"c\"" + single),
      (
        ["model", "vocab", "日"], 675,
        "model.vocab: expected tokens spelled in the byte-level alphabet, found \"日\"" + foreign
      ),
      (["model", "merges"], nil, "model.merges: expected an array, found nothing" + copy),
      (
        ["model", "merges", "3"], ["q", "¡¡"],
        "model.merges[3]: the token \"¡¡\" is not in model.vocab" + copy
      ),
      (
        ["model", "merges", "3"], ["q", "q"], "model.merges[3]: the token \"qq\" is not in model.vocab" + copy
      ),
      (["model", "merges", "3"], ["Ġ", "t"], "model.merges[3]: it repeats model.merges[0]" + copy),
      (
        ["model", "merges", "3"], 7,
        "model.merges[3]: expected two tokens, found a number of another form" + copy
      ),
      (
        ["model", "merges", "3"], "a b c",
        "model.merges[3]: expected two tokens, found a string of another form" + copy
      ),
      (["added_tokens"], nil, "added_tokens: expected an array, found nothing" + copy),
      (["added_tokens", "0", "id"], nil, "added_tokens[0].id: expected an id, found nothing" + copy),
      (
        ["added_tokens", "0", "content"], "",
        "added_tokens[0].content: expected a text, found a string" + copy
      ),
      (
        ["added_tokens", "0", "special"], "yes",
        "added_tokens[0].special: expected true or false, found a string" + copy
      ),
      (
        ["added_tokens", "0", "lstrip"], 1,
        "added_tokens[0].lstrip: expected true or false, found a number" + copy
      ),
      (
        ["added_tokens", "0", "id"], 9000,
        "added_tokens[0].id: expected 675, the id that the library `tokenizers` gives to \"<|endoftext|>\", found 9000"
          + copy
      ),
      (
        ["model", "vocab", "a"], 1_048_576, "id 1048576: expected ids from 0 to 1048574" + single
      ),
      (
        ["added_tokens", "0", "id"], 5,
        "id 5: both a vocabulary token and the added token \"<|endoftext|>\" have it" + single
      ),
      (
        ["added_tokens", "0", "id"], 676, "id 676: two added tokens have it, one is \"<|im_start|>\"" + single
      ),
      (
        ["added_tokens", "0", "content"], "<think>",
        "the token \"<think>\" has the ids 675 and 699; every token must have one"
      ),
      (
        ["added_tokens", "0", "content"], .string(String(repeating: "x", count: 1025)),
        "added_tokens[0].content: expected at most 1024 bytes, found 1025" + foreign
      ),
    ] as [([String], JSONValue?, String)])
  func refusesInOneSentence(path: [String], value: JSONValue?, expected: String) {
    #expect(sentence(path, value) == "tokenizer.json: " + expected)
  }

  @Test func anotherSplitPatternIsRefused() {
    let found = sentence(["pre_tokenizer", "pretokenizers", "0", "pattern", "Regex"], "\\s+")
    #expect(
      found.hasPrefix("tokenizer.json: pre_tokenizer.pretokenizers[0].pattern.Regex: expected \"(?i:'s|"))
    #expect(found.hasSuffix("found \"\\\\s+\"" + Self.foreign))
  }

  @Test func everyByteNeedsAToken() throws {
    var vocabulary = try #require(Self.valid["model"]?["vocab"]?.objectValue)
    let id = try #require(vocabulary["q"])
    vocabulary["q"] = nil
    vocabulary["qq"] = id
    #expect(
      sentence(["model", "vocab"], .object(vocabulary))
        == "tokenizer.json: model.vocab: expected a token for each of the 256 bytes, found none for byte 113, \"q\""
        + Self.foreign)
  }

  @Test func foldersAreCheckedFileByFile() throws {
    let folder = TemporaryFolder()
    #expect(
      folderSentence(folder)
        == "expected to read \(folder.path)/tokenizer.json, found: no such file or directory; "
        + "check that the whole checkpoint is there and readable")
    folder.write("{\"a\": 1,}".utf8, to: "tokenizer.json")
    #expect(
      folderSentence(folder)
        == "expected valid JSON in \(folder.path)/tokenizer.json, found a fault at line 1, column 9: "
        + "expected a key in double quotes, found '}'; download the file again")
    folder.write("[]".utf8, to: "tokenizer.json")
    #expect(
      folderSentence(folder) == "tokenizer.json: the file: expected an object, found an array" + Self.copy)
    TinyTokenizer.write(to: folder)
    #expect(folderSentence(folder) == "accepted")
    folder.write("nonsense".utf8, to: "tokenizer_config.json")
    #expect(
      folderSentence(folder)
        == "expected valid JSON in \(folder.path)/tokenizer_config.json, found a fault at line 1, column 1: "
        + "expected a value, found the word nonsense; download the file again")
    try folder.makeFolder("chat_template.jinja")
    TinyTokenizer.write(to: folder)
    #expect(folderSentence(folder).contains("chat_template.jinja, found: it is a folder; check that"))
  }

  /// More than a tokenizer has is refused before it is read, and nothing waits for a pipe's writer.
  @Test func hostileFilesAreRefused() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/tokenizer.json"
    #expect(mkfifo(path, 0o600) == 0)
    #expect(folderSentence(folder).contains("found: it is a pipe"))
    #expect(unlink(path) == 0)
    folder.write([], to: "tokenizer.json")
    #expect(truncate(path, 1 << 30) == 0)
    #expect(folderSentence(folder).contains("more than 67.1 MB"))
  }

  /// Numbers and names of every size end in a sentence.
  @Test(arguments: [
    (["added_tokens", "0", "id"], "9223372036854775807"), (["added_tokens", "0", "id"], "-1"),
    (["added_tokens", "0", "id"], "1e30"), (["added_tokens", "0", "id"], "675.5"),
    (["added_tokens", "25", "id"], "9223372036854775807"),
    (["model", "vocab"], #"{"a": 9223372036854775807}"#), (["model", "vocab"], #"{"a": -1}"#),
    (["model", "vocab"], #"{"a": 1e300}"#), (["model", "vocab"], #"{"a": 0, "b": 0}"#),
    (["model", "vocab"], #"{"": 0}"#), (["model", "vocab"], #"{"a": 0.5}"#),
    (["model", "merges"], #"[["a", "b"], ["ab", "ab"]]"#), (["model", "merges"], #"[["", ""]]"#),
    (["model", "merges"], #"[["\u0120", "\u0000"]]"#), (["model", "merges"], "[[0, 1]]"),
    (["model", "merges"], "[[]]"),
  ])
  func hostileValuesAreRefused(path: [String], value: String) throws {
    #expect(sentence(path, try JSONValue.parse(Array(value.utf8))).hasPrefix("tokenizer.json: "))
  }

  @Test func longTokensAreRefused() throws {
    var vocabulary = try #require(Self.valid["model"]?["vocab"]?.objectValue)
    vocabulary[String(repeating: "x", count: 10_000_000)] = .int(vocabulary.members.count)
    #expect(
      sentence(["model", "vocab"], .object(vocabulary))
        == "tokenizer.json: model.vocab: expected tokens of at most 1024 bytes, found one of 10000000 with the id 675"
        + Self.foreign)
  }

  private func folderSentence(_ folder: TemporaryFolder) -> String {
    do throws(TextError) {
      _ = try Tokenizer(folder: folder.path)
      return "accepted"
    } catch {
      return "\(error)"
    }
  }
}
