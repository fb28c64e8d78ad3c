import Foundation

/// A tokenizer of 256 byte tokens, a few merges and Qwen3's added tokens, in the layout of Qwen3's
/// tokenizer.json: enough to run chat templates and generation on random weights.
package enum TinyTokenizer {
  private static let merges = [
    ("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "t"), ("i", "n"), ("Ġ", "a"), ("Ċ", "Ċ"),
  ]
  private static let addedTokens: [(content: String, isSpecial: Bool)] = [
    ("<|endoftext|>", true), ("<|im_start|>", true), ("<|im_end|>", true), ("<tool_call>", false),
    ("</tool_call>", false), ("<tool_response>", false), ("</tool_response>", false), ("<think>", false),
    ("</think>", false),
  ]
  private static let firstAddedID = 256 + merges.count

  package static let endOfText = firstAddedID
  package static let startOfTurn = firstAddedID + 1
  package static let endOfTurn = firstAddedID + 2
  package static let thinkStart = firstAddedID + 7
  package static let thinkEnd = firstAddedID + 8
  /// The number of ids in use; a model's vocabulary may be padded beyond it.
  package static let vocabularySize = firstAddedID + addedTokens.count

  /// The tags of Qwen3's answers among the added tokens.
  package static let tags = addedTokens.filter { !$0.isSpecial }.map(\.content)

  /// The id of a token by the text it stands for.
  package static func id(of text: String) -> Int? {
    if text.utf8.count == 1 { return text.utf8.first.map(Int.init) }
    let merged = merges.firstIndex { spelled(text) == $0.0 + $0.1 }
    return merged.map { 256 + $0 }
      ?? addedTokens.firstIndex { $0.content == text }.map { firstAddedID + $0 }
  }

  /// Write tokenizer.json and tokenizer_config.json into `folder`.
  ///
  /// - Parameter extraTokens: Tokens after the others that no text is encoded to, by the text they decode to.
  package static func write(to folder: TemporaryFolder, extraTokens: [String] = []) {
    folder.write(tokenizerText(extraTokens).utf8, to: "tokenizer.json")
    folder.write(configurationText.utf8, to: "tokenizer_config.json")
  }

  /// The printable character that byte-level BPE uses for each byte.
  private static let byteCharacters: [String] = {
    let printable = Set(Array(33...126) + Array(161...172) + Array(174...255))
    var next: UInt32 = 256
    return (0..<256).map { byte in
      if printable.contains(byte) { return String(Character(Unicode.Scalar(UInt8(byte)))) }
      defer { next += 1 }
      return Unicode.Scalar(next).map { String(Character($0)) } ?? ""
    }
  }()

  /// A text in byte-level characters.
  private static func spelled(_ text: String) -> String { text.utf8.map { byteCharacters[Int($0)] }.joined() }

  private static func tokenizerText(_ extraTokens: [String]) -> String {
    var vocabulary = byteCharacters.enumerated().map { (token: $0.element, id: $0.offset) }
    for (index, pair) in merges.enumerated() { vocabulary.append((pair.0 + pair.1, 256 + index)) }
    if !extraTokens.isEmpty {
      // Ids of the vocabulary run without gaps, so the added tokens stand there too.
      for (index, text) in (addedTokens.map(\.content) + extraTokens).enumerated() {
        vocabulary.append((spelled(text), firstAddedID + index))
      }
    }
    let entries = vocabulary.map { "\(quoted($0.token)): \($0.id)" }.joined(separator: ", ")
    let mergeList = merges.map { "[\(quoted($0.0)), \(quoted($0.1))]" }.joined(separator: ", ")
    let added = addedTokens.enumerated().map { index, token in
      "{\"id\": \(firstAddedID + index), \"content\": \(quoted(token.content)), \(flags), "
        + "\"special\": \(token.isSpecial)}"
    }.joined(separator: ", ")
    return """
      {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [\(added)],
       "normalizer": {"type": "NFC"},
       "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": \(quoted(splitPattern))}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}]},
       "post_processor": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
       "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
       "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
        "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": {\(entries)}, "merges": [\(mergeList)]}}
      """
  }

  private static var configurationText: String {
    let decoder = addedTokens.enumerated().map { index, token in
      "\"\(firstAddedID + index)\": {\"content\": \(quoted(token.content)), \(flags), "
        + "\"special\": \(token.isSpecial)}"
    }.joined(separator: ", ")
    return """
      {"add_bos_token": false, "add_prefix_space": false, "added_tokens_decoder": {\(decoder)},
       "bos_token": null, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": null,
       "errors": "replace", "model_max_length": 131072, "split_special_tokens": false,
       "clean_up_tokenization_spaces": false, "tokenizer_class": "Qwen2Tokenizer"}
      """
  }

  private static let flags =
    "\"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false"

  private static let splitPattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

  private static func quoted(_ text: String) -> String {
    "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
      + "\""
  }
}
