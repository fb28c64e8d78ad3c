extension Tokenizer {
  /// Tokens between the messages of Qwen3's chats.
  private static let turnTokens = ["<|im_start|>", "<|im_end|>"]

  /// The tokens of the model's chats that the tokenizer does not have: their texts would be encoded letter by letter,
  /// which no model was trained on. Empty where the model has no chats.
  package var missingChatTokens: [String] {
    guard let format = chatFormat.format else { return [] }
    let templates = ChatTemplates(configuration: configuration).templates
    return Self.turnTokens.filter { token in
      // A template of another format may do without them.
      let isNeeded = format.renderer == .qwen3 || templates.contains { $0.text.contains(token) }
      return isNeeded && addedTokenID(of: token) == nil
    }
  }

  /// Throws where chats need tokens that the tokenizer does not have.
  package func requireChatTokens() throws(TextError) {
    let missing = missingChatTokens
    if !missing.isEmpty { throw .chatTokens(missing) }
  }
}
