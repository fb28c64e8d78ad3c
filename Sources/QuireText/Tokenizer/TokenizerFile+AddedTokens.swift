import QuireJSON

extension TokenizerFile {
  /// In the order of the file.
  static func addedTokens(_ json: JSONValue?) throws(TextError) -> [AddedToken] {
    guard let entries = json?.arrayValue else {
      throw .field(name: "added_tokens", expected: "an array", found: json?.kindDescription ?? "nothing")
    }
    var tokens: [AddedToken] = []
    var idOfContent: [[UInt8]: Int] = [:]
    var ids: Set<Int> = []
    for (index, entry) in entries.enumerated() {
      let token = try addedToken(entry, "added_tokens[\(index)]")
      let text = String(decoding: token.content, as: UTF8.self)
      if let other = idOfContent.updateValue(token.id, forKey: token.content) {
        throw .duplicateToken(text, first: other, second: token.id)
      }
      guard ids.insert(token.id).inserted else {
        throw .tokenID(token.id, problem: "two added tokens have it, one is \"\(text)\"")
      }
      tokens.append(token)
    }
    return tokens
  }

  /// Throws unless each added token has the id that Hugging Face's `tokenizers` gives it, whatever the file says: that
  /// of the vocabulary, if it is listed there, or else the number of tokens of the vocabulary and of such added tokens
  /// before it.
  ///
  /// - Parameters:
  ///   - tokens: in the order of the file
  ///   - count: of the tokens of the vocabulary, with those of `listedIDs`
  static func checkIDs(
    _ tokens: [AddedToken], _ vocabulary: TokenTable, listedIDs: Set<Int>, count: Int
  ) throws(TextError) {
    var next = count
    for (index, token) in tokens.enumerated() {
      let text = String(decoding: token.content, as: UTF8.self)
      let isToken = token.id < vocabulary.count && !vocabulary[token.id].isEmpty
      if isToken && ByteAlphabet.text(of: vocabulary[token.id]) != text {
        throw .tokenID(token.id, problem: "both a vocabulary token and the added token \"\(text)\" have it")
      }
      if isToken || listedIDs.contains(token.id) { continue }
      guard token.id == next else {
        throw .field(
          name: "added_tokens[\(index)].id",
          expected: "\(next), the id that the library `tokenizers` gives to \"\(text)\"",
          found: "\(token.id)")
      }
      // bounded: counts the tokens of the file
      next += 1
    }
    guard next < MergeTable.maximumCount else {
      throw .unsupported(
        field: "added_tokens", expected: "fewer than \(MergeTable.maximumCount) ids", found: "\(next)")
    }
  }

  private static func addedToken(_ entry: JSONValue, _ name: String) throws(TextError) -> AddedToken {
    guard let id = entry["id"]?.intValue, id >= 0 else {
      throw .field(name: name + ".id", expected: "an id", found: entry["id"]?.kindDescription ?? "nothing")
    }
    guard let content = entry["content"]?.stringValue, !content.isEmpty else {
      throw .field(
        name: name + ".content", expected: "a text", found: entry["content"]?.kindDescription ?? "nothing")
    }
    guard content.utf8.count <= TokenTable.tokenBytesMaximum else {
      throw .unsupported(
        field: name + ".content", expected: "at most \(TokenTable.tokenBytesMaximum) bytes",
        found: "\(content.utf8.count)")
    }
    func flag(_ member: String, default: Bool = false) throws(TextError) -> Bool {
      guard let value = entry[member], value != .null else { return `default` }
      guard let flag = value.boolValue else {
        throw .field(name: "\(name).\(member)", expected: "true or false", found: value.kindDescription)
      }
      return flag
    }
    return AddedToken(
      id: id, content: Array(content.utf8), isSpecial: try flag("special"),
      isNormalized: try flag("normalized", default: true), isSingleWord: try flag("single_word"),
      stripsLeft: try flag("lstrip"), stripsRight: try flag("rstrip"))
  }
}
