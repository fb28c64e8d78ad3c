extension Tokenizer {
  /// `<think>`, where the tokenizer has it as an added token.
  package var thinkStartID: Int32? { addedTokenID(of: AnswerTag.thinkStart) }

  /// `</think>`, where the tokenizer has it as an added token.
  package var thinkEndID: Int32? { addedTokenID(of: AnswerTag.thinkEnd) }

  /// Whether an answer to this prompt begins inside a thought: whether the last think tag behind the last head of a
  /// message opens one. A message by anybody but the assistant begins none.
  ///
  /// The prompt decides, and no option that went with it: it may have been closed or left open by other means.
  package func startsInThinking(_ prompt: some BidirectionalCollection<Int32>) -> Bool {
    let head = addedTokenID(of: "<|im_start|>")
    guard let place = prompt.lastIndex(where: { $0 == head }) else { return isOpen(prompt) }
    let message = prompt[prompt.index(after: place)...]
    return message.starts(with: encode("assistant", addedTokens: .plainText)) && isOpen(message)
  }

  private func isOpen(_ ids: some BidirectionalCollection<Int32>) -> Bool {
    let start = thinkStartID
    let end = thinkEndID
    guard let tag = ids.last(where: { $0 == start || $0 == end }) else { return false }
    return tag == start
  }

  private func addedTokenID(of content: String) -> Int32? {
    let bytes = Array(content.utf8)
    return addedTokens.first { $0.content == bytes }.map { Int32($0.id) }
  }
}
