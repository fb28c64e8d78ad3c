package import QuireCheckpoints
package import QuireText

extension Checkpoint {
  /// The tokenizer: of the folder's files, or of a GGUF file's metadata.
  ///
  /// - Parameter chatFormat: the format to render chats in; nil: that of the checkpoint's template
  package func tokenizer(chatFormat: ChatFormatOverride? = nil) throws(TextError) -> Tokenizer {
    guard let tokens else { return try Tokenizer(folder: folder, chatFormat: chatFormat) }
    return try Tokenizer(
      vocabulary: tokens.vocabulary, added: tokens.added, merges: tokens.merges,
      before: tokens.before, after: tokens.after,
      configuration: tokens.configuration, chatFormat: chatFormat)
  }
}
