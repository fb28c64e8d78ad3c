import QuireCheckpoints
import QuireJSON
import QuireModel
import QuireText

/// The tokenizer as keys and values of a GGUF file: byte-level BPE with the split pattern that llama.cpp calls qwen2.
struct GGUFTokenizer {
  private let tokens: [String]
  private let kinds: [Int32]
  private let merges: [String]
  private let configuration: JSONValue?
  private let model: ModelConfiguration
  private let tokenizer: Tokenizer

  /// - Parameter model: its vocabulary may have more rows than the tokenizer has tokens; those get names of their own.
  init(_ tokenizer: Tokenizer, _ model: ModelConfiguration) {
    self.tokenizer = tokenizer
    self.model = model
    configuration = tokenizer.configuration
    let json = tokenizer.sourceJSON
    var tokens = (0..<model.vocabularySize).map { "[PAD\($0)]" }
    var kinds = [GGUFTokenKind](repeating: .unused, count: model.vocabularySize)
    func set(_ id: JSONValue?, _ text: String, _ kind: GGUFTokenKind) {
      guard let id = id?.intValue, tokens.indices.contains(id) else { return }
      (tokens[id], kinds[id]) = (text, kind)
    }
    for member in json["model"]?["vocab"]?.objectValue?.members ?? [] {
      set(member.value, member.key, .normal)
    }
    for token in json["added_tokens"]?.arrayValue ?? [] {
      let isSpecial = token["special"]?.boolValue ?? false
      set(token["id"], token["content"]?.stringValue ?? "", isSpecial ? .control : .userDefined)
    }
    self.tokens = tokens
    self.kinds = kinds.map { Int32($0.rawValue) }
    merges = (json["model"]?["merges"]?.arrayValue ?? []).map { merge in
      "\(merge[0]?.stringValue ?? "") \(merge[1]?.stringValue ?? "")"
    }
  }

  var entries: [GGUFMetadata.Entry] {
    var entries: [GGUFMetadata.Entry] = [
      ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string("qwen2")),
      ("tokenizer.ggml.tokens", .strings(tokens)), ("tokenizer.ggml.token_type", .int32s(kinds)),
      ("tokenizer.ggml.merges", .strings(merges)),
    ]
    func add(_ key: String, _ id: Int32?) {
      guard let id, id >= 0 else { return }
      entries.append(("tokenizer.ggml.\(key)_token_id", .uint32(UInt32(id))))
    }
    add("eos", id("eos_token") ?? model.endOfSequenceIDs.first)
    add("padding", id("pad_token"))
    add("bos", model.beginOfSequenceID)
    entries.append(("tokenizer.ggml.add_bos_token", .bool(false)))
    if let template { entries.append(("tokenizer.chat_template", .string(template))) }
    return entries
  }

  /// The id of a token that tokenizer_config.json names.
  private func id(_ member: String) -> Int32? {
    let token = configuration?[member]
    return (token?.stringValue ?? token?["content"]?.stringValue).flatMap(tokenizer.id(of:))
  }

  /// The default chat template.
  private var template: String? {
    ChatTemplates(configuration: configuration).templates
      .first { $0.name == ChatTemplates.Template.defaultName }?.text
  }
}
