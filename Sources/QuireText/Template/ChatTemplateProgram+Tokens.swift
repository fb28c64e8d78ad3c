import QuireJSON

// Which added tokens a rendered prompt recognises where.

extension ChatPrompt {
  /// The ids of a prompt that a template rendered.
  ///
  /// A control token is recognised only where all of its text comes from the template. With a template of any
  /// vocabulary, an added token is a control token when
  ///
  /// 1. it is special, or a tag of a chat format;
  /// 2. its text is in brackets, as in `<tool_call>`, `[INST]` or `<｜User｜>`;
  /// 3. the template writes it.
  ///
  /// The others are words that were added to the vocabulary; they are recognised everywhere, as `transformers` does.
  package func tokens(_ tokenizer: Tokenizer, _ program: ChatTemplateProgram) -> [Int32] {
    var text = self.text
    var ranges: [Range<Int>] = []
    var start = 0
    for piece in pieces {
      let end = start + piece.text.utf8.count
      if piece.isTemplate { ranges.append(start..<end) }
      start = end
    }
    let search = program.addedTokens(tokenizer)
    return text.withUTF8 { tokenizer.encode($0, recognizing: search, controlRanges: ranges) }
  }
}

extension ChatTemplateProgram {
  /// The tokenizer's added tokens, with this template's control tokens marked.
  func addedTokens(_ tokenizer: Tokenizer) -> AddedTokenSearch {
    AddedTokenSearch(
      tokenizer.addedTokens.map { token in
        var token = token
        token.isTemplateControl = isControl(token.content)
        return token
      })
  }

  private func isControl(_ content: [UInt8]) -> Bool {
    let text = String(decoding: content, as: UTF8.self)
    let brackets: [Character: Character] = ["<": ">", "[": "]", "{": "}", "(": ")", "|": "|"]
    if let first = text.first, let last = text.last, text.count > 1, brackets[first] == last { return true }
    return literals().contains { $0.utf8.elementsEqual(content) || $0.contains(text) }
  }
}
