import QuireJSON

extension TokenizerFile {
  /// In order of id. Those that are not also vocabulary tokens must follow the vocabulary without a gap.
  static func addedTokens(_ json: JSONValue?, _ vocabulary: TokenTable) throws(TextError) -> [AddedToken] {
    guard let entries = json?.arrayValue else {
      throw .field(name: "added_tokens", expected: "an array", found: json?.kindDescription ?? "nothing")
    }
    var tokens: [AddedToken] = []
    var idOfContent: [[UInt8]: Int] = [:]
    for (index, entry) in entries.enumerated() {
      let token = try addedToken(entry, "added_tokens[\(index)]")
      if let other = idOfContent.updateValue(token.id, forKey: token.content) {
        throw .duplicateToken(String(decoding: token.content, as: UTF8.self), first: other, second: token.id)
      }
      tokens.append(token)
    }
    tokens.sort { $0.id < $1.id }
    for (token, following) in zip(tokens, tokens.dropFirst()) where token.id == following.id {
      let text = String(decoding: following.content, as: UTF8.self)
      throw .tokenID(token.id, problem: "two added tokens have it, one is \"\(text)\"")
    }
    try checkIDs(tokens, vocabulary)
    return tokens
  }

  private static func checkIDs(_ tokens: [AddedToken], _ vocabulary: TokenTable) throws(TextError) {
    var next = vocabulary.count
    for token in tokens {
      if token.id < vocabulary.count {
        guard vocabulary[token.id] == token.content[...] else {
          let text = String(decoding: token.content, as: UTF8.self)
          throw .tokenID(token.id, problem: "both a vocabulary token and the added token \"\(text)\" have it")
        }
        continue
      }
      guard token.id == next else { throw .tokenID(next, problem: "no token has it") }
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
