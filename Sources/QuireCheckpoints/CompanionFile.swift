/// The files of a checkpoint other than its weights, by their names in the folder.
///
/// The only list of them: packs keep their contents, the provenance has their hashes, and they count in a
/// checkpoint's size.
package enum CompanionFile: String, CaseIterable, Sendable {
  case configuration = "config.json"
  case generationConfiguration = "generation_config.json"
  /// The shard of each tensor; absent where the weights are one file.
  case weightIndex = "model.safetensors.index.json"
  case tokenizer = "tokenizer.json"
  case tokenizerConfiguration = "tokenizer_config.json"
  /// The chat template where it is not a member of `tokenizer_config.json`.
  case chatTemplate = "chat_template.jinja"

  /// The file's name.
  package var name: String { rawValue }
}
