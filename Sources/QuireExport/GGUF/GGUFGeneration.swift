import QuireFiles
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireText

/// How a model generates, as keys of a GGUF file: the recommended sampling and the tokens that end an answer.
struct GGUFGeneration: Sendable {
  /// The sampling that the model's publisher recommends; llama.cpp's programs use it by default.
  let sampling: [GGUFMetadata.Entry]
  let endTokens: [GGUFMetadata.Entry]
  let textFrame: GGUFTextFrame
  /// What no key of GGUF holds, a sentence each.
  let losses: [String]

  /// Throws when generation_config.json names ends that are no token ids, or the tokenizer has more ids than the model.
  init(_ model: ModelSource, _ configuration: ModelConfiguration) throws(ModelFileError) {
    let generation = try model.generationConfiguration()
    let tokenizer = try model.tokenizer()
    // The file has as many tokens as the model has ids; further ones would be lost.
    if let mismatch = model.mismatch(of: tokenizer, rows: configuration.vocabularySize) { throw mismatch }
    let ends = EndTokens(
      configuration.endOfSequenceIDs + (try model.endOfSequenceIDs()).sorted(), configuration, tokenizer)
    sampling = Self.sampling(generation)
    endTokens = ends.entries
    textFrame = GGUFTextFrame(tokenizer, bos: configuration.beginOfSequenceID, eos: ends.first)
    losses = [Self.loss(generation), ends.loss, textFrame.loss, GGUFTokenizer.loss(tokenizer)].compactMap(
      \.self)
  }

  private static func sampling(_ generation: JSONValue?) -> [GGUFMetadata.Entry] {
    var entries: [GGUFMetadata.Entry] = []
    func add(_ key: String, _ value: GGUFValue) { entries.append(("general.sampling.\(key)", value)) }
    func number(_ name: String) -> Float? { (generation?[name]?.doubleValue).map { Float($0) } }
    // −1 and 0 both mean all tokens.
    if let topK = generation?["top_k"]?.intValue { add("top_k", .int32(Int32(clamping: max(0, topK)))) }
    if let topP = number("top_p") { add("top_p", .float32(topP)) }
    if let minP = number("min_p") { add("min_p", .float32(minP)) }
    // GGUF has no key for greedy answers; a temperature of 0 gives them.
    let isGreedy = generation?["do_sample"] == false
    if let temperature = isGreedy ? 0 : number("temperature") { add("temp", .float32(temperature)) }
    if let penalty = number("repetition_penalty") {
      add("penalty_repeat", .float32(penalty))
      // Of all tokens; otherwise llama.cpp looks at the last 64 only.
      add("penalty_last_n", .int32(-1))
    }
    return entries
  }

  /// Members of generation_config.json that are written under a key, or that say nothing about answers.
  private static let held: Set<String> = [
    "do_sample", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "eos_token_id",
    "bos_token_id", "pad_token_id", "transformers_version", "_from_model_config",
  ]

  private static func loss(_ generation: JSONValue?) -> String? {
    let members = (generation?.objectValue?.members ?? []).filter {
      !held.contains($0.key) && !$0.value.isNull
    }
    guard !members.isEmpty else { return nil }
    let names = members.prefix(8).map(\.key) + (members.count > 8 ? ["others"] : [])
    return
      "generation settings: GGUF has no key for \(ListText.of(names)) of generation_config.json, so the file is without them"
  }
}

/// The tokens that end an answer, under the three keys that GGUF has for them.
private struct EndTokens {
  let entries: [GGUFMetadata.Entry]
  let loss: String?
  /// The one that the file names as eos.
  let first: Int32?

  /// - Parameter ids: those of config.json and generation_config.json
  init(_ ids: [Int32], _ configuration: ModelConfiguration, _ tokenizer: Tokenizer) {
    let named = tokenizer.namedID("eos_token")
    let first = named ?? ids.first
    self.first = first
    var further: [Int32] = []
    for id in ids where id != first && !further.contains(id) && Int(id) < configuration.vocabularySize {
      further.append(id)
    }
    // Programs know <|im_end|> and <|endoftext|> by their texts, so the others come first.
    let own = further.filter { !tokenizer.endOfSequenceIDs.contains($0) }
    let known = further.filter(tokenizer.endOfSequenceIDs.contains)
    let keys = [
      ("eos", first), ("eot", own.first), ("eom", own.dropFirst().first ?? known.first),
    ]
    entries = keys.compactMap { key, id in
      guard let id, id >= 0 else { return nil }
      return ("tokenizer.ggml.\(key)_token_id", .uint32(UInt32(id)))
    }
    let lost = own.dropFirst(2)
    let names = lost.prefix(8).map(String.init) + (lost.count > 8 ? ["others"] : [])
    loss =
      lost.isEmpty
      ? nil
      : "end tokens: GGUF has keys for three, so \(lost.count == 1 ? "the token" : "the tokens") \(ListText.of(names)) will "
        + "not end an answer"
  }
}

extension Tokenizer {
  /// The id of a token that tokenizer_config.json names.
  func namedID(_ member: String) -> Int32? {
    let token = configuration?[member]
    return (token?.stringValue ?? token?["content"]?.stringValue).flatMap { id(of: $0) }
  }
}
