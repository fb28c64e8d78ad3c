import QuireFiles
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuireText

/// The tokenizer as keys and values of a GGUF file: byte-level BPE with the split pattern that llama.cpp calls qwen2.
struct GGUFTokenizer {
  private let tokens: [String]
  private let kinds: [Int32]
  private let merges: [String]
  private let generation: GGUFGeneration
  private let model: ModelConfiguration
  private let tokenizer: Tokenizer

  /// - Parameter model: its vocabulary may have more rows than the tokenizer has tokens; those get names of their own.
  init(_ tokenizer: Tokenizer, _ model: ModelConfiguration, _ generation: GGUFGeneration) {
    self.tokenizer = tokenizer
    self.model = model
    self.generation = generation
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
    entries += generation.endTokens
    add("padding", tokenizer.namedID("pad_token"))
    return entries + generation.textFrame.entries + templates
  }

  /// How added tokens match that GGUF cannot say, as a sentence for the plan; nil where there is no such token.
  static func loss(_ tokenizer: Tokenizer) -> String? {
    let flags = ["lstrip", "rstrip", "single_word"]
    let tokens = (tokenizer.sourceJSON["added_tokens"]?.arrayValue ?? []).filter { token in
      flags.contains { token[$0] == true }
    }
    guard !tokens.isEmpty else { return nil }
    let found = flags.filter { flag in tokens.contains { $0[flag] == true } }
    let names =
      tokens.prefix(4).map { "\"\($0["content"]?.stringValue?.prefix(40) ?? "")\"" }
      + (tokens.count > 4 ? ["others"] : [])
    return
      "added tokens: GGUF cannot hold \(ListText.of(found)) of \(ListText.of(names)), so text around them may become other tokens"
  }

  /// The chat templates: the default one, which is also the only one, and those with names. A name in a key has letters,
  /// digits and underscores only, as the gguf package writes it.
  private var templates: [GGUFMetadata.Entry] {
    let all = ChatTemplates(configuration: tokenizer.configuration).templates
    let main = all.count == 1 ? all.first : all.first { $0.name == ChatTemplates.Template.defaultName }
    var entries: [GGUFMetadata.Entry] = main.map { [("tokenizer.chat_template", .string($0.text))] } ?? []
    let named = all.filter { $0.name != main?.name }.map { template in
      (
        name: String(template.name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }),
        text: template.text
      )
    }
    if !named.isEmpty { entries.append(("tokenizer.chat_templates", .strings(named.map(\.name)))) }
    return entries + named.map { ("tokenizer.chat_template.\($0.name)", .string($0.text)) }
  }
}
