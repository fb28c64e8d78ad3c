extension ReasoningTags {
  /// Whether a prompt, or its last turn, ends inside a thought.
  func isOpen(atEndOf ids: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool {
    guard let startID = tokenizer.addedTokenID(of: start) else {
      // The tag is ordinary text in this vocabulary. The text of a chat can spell it too, but not at the prompt's end.
      let tail = tokenizer.decode(Array(ids.suffix(start.utf8.count + 16)))
      return isOpen(atEndOf: String(decoding: tail, as: UTF8.self))
    }
    let endID = tokenizer.addedTokenID(of: end)
    return ids.last { $0 == startID || $0 == endID } == startID
  }

  /// Whether a text ends with the opening tag, apart from white space.
  func isOpen(atEndOf text: String) -> Bool {
    let end = text.unicodeScalars.lastIndex { !$0.properties.isWhitespace }
    return end.map { String(text.unicodeScalars[...$0]).endsWithBytes(of: start) } ?? false
  }
}
