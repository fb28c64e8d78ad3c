/// The files of a checkpoint beside its weights, by their names in the folder.
///
/// The one list of them: packs keep what they contain, provenance has their hashes, and they count in a checkpoint's size.
package enum CompanionFile: String, CaseIterable, Sendable {
  case configuration = "config.json"
  case generationConfiguration = "generation_config.json"
  /// Which shard holds which tensor; absent where the weights are one file.
  case weightIndex = "model.safetensors.index.json"
  case tokenizer = "tokenizer.json"
  case tokenizerConfiguration = "tokenizer_config.json"
  /// The chat template where it is no member of `tokenizer_config.json`.
  case chatTemplate = "chat_template.jinja"

  /// The file's name.
  package var name: String { rawValue }
}
