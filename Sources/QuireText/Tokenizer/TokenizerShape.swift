import QuireJSON

/// The parts of tokenizer.json that select the algorithm. Only the one of Qwen2 and Qwen3 is implemented, so every
/// part must equal theirs, but text may stay without normalization.
struct TokenizerShape {
  let root: JSONValue

  func check() throws(TextError) {
    try checkModel()
    if normalizesText { try expect("normalizer.type", root["normalizer"]?["type"], .string("NFC")) }
    try checkPreTokenizer()
    try expect("decoder.type", root["decoder"]?["type"], .string("ByteLevel"))
  }

  /// Whether text is normalized, to NFC; not where the file has no normalizer, or an empty sequence of them.
  var normalizesText: Bool {
    let normalizer = root["normalizer"] ?? .null
    return !(normalizer.isNull || normalizer["type"] == "Sequence" && normalizer["normalizers"] == [])
  }

  func missing(_ name: String, _ expected: String) -> TextError {
    .field(name: name, expected: expected, found: root[name]?.kindDescription ?? "nothing")
  }

  private func checkModel() throws(TextError) {
    guard let model = root["model"], model.objectValue != nil else { throw missing("model", "an object") }
    try expect("model.type", model["type"], .string("BPE"))
    for name in ["dropout", "unk_token"] { try expect("model." + name, model[name] ?? .null, .null) }
    for name in ["continuing_subword_prefix", "end_of_word_suffix"] where model[name]?.stringValue != "" {
      try expect("model." + name, model[name] ?? .null, .null)
    }
    for name in ["byte_fallback", "ignore_merges"] {
      try expect("model." + name, model[name] ?? .bool(false), .bool(false))
    }
  }

  private func checkPreTokenizer() throws(TextError) {
    let parts = root["pre_tokenizer"]?["pretokenizers"]
    try expect("pre_tokenizer.type", root["pre_tokenizer"]?["type"], .string("Sequence"))
    let name = "pre_tokenizer.pretokenizers"
    guard parts?.arrayValue?.count == 2 else {
      throw .unsupported(
        field: name, expected: "a Split and a ByteLevel", found: parts?.kindDescription ?? "nothing")
    }
    try expect(name + "[0].type", parts?[0]?["type"], .string("Split"))
    try expect(name + "[0].pattern.Regex", parts?[0]?["pattern"]?["Regex"], .string(SplitPattern.source))
    try expect(name + "[0].behavior", parts?[0]?["behavior"], .string("Isolated"))
    try expect(name + "[0].invert", parts?[0]?["invert"] ?? .bool(false), .bool(false))
    try expect(name + "[1].type", parts?[1]?["type"], .string("ByteLevel"))
    try expect(name + "[1].add_prefix_space", parts?[1]?["add_prefix_space"], .bool(false))
    try expect(name + "[1].use_regex", parts?[1]?["use_regex"], .bool(false))
  }

  private func expect(_ field: String, _ found: JSONValue?, _ expected: JSONValue) throws(TextError) {
    guard found != expected else { return }
    throw .unsupported(
      field: field, expected: expected.serialized(), found: found.map { $0.serialized() } ?? "nothing")
  }
}
