package import QuireJSON

extension Tokenizer {
  /// From the lists that a GGUF file has.
  ///
  /// - Parameters:
  ///   - vocabulary: tokens of byte-pair encoding in the byte-level alphabet, in order of id from 0
  ///   - added: the other tokens; ids that are not in use are left out
  ///   - merges: two tokens with a space between them, in order of rank
  ///   - before: the id of an added token before each text that is not a chat
  ///   - after: the same after each text
  ///   - configuration: the contents of tokenizer_config.json
  package convenience init(
    vocabulary: some Sequence<String>, added: [(id: Int, text: String, isSpecial: Bool)], merges: [String],
    before: Int? = nil, after: Int? = nil, configuration: JSONValue, chatFormat: ChatFormatOverride? = nil
  ) throws(TextError) {
    var members = JSONObject()
    for (id, token) in vocabulary.enumerated() where !members.appendIfNew(token, .int(id)) {
      throw .duplicateToken(token, first: members[token]?.intValue ?? 0, second: id)
    }
    // Ids that do not follow the vocabulary and each other are kept by listing the tokens there.
    let count = members.members.count
    let hasGaps = added.enumerated().contains { $0.element.id != count + $0.offset }
    for token in hasGaps ? added : [] where !members.appendIfNew(token.text, .int(token.id)) {
      throw .duplicateToken(token.text, first: members[token.text]?.intValue ?? 0, second: token.id)
    }
    let texts = Dictionary(uniqueKeysWithValues: added.map { ($0.id, $0.text) })
    func named(_ id: Int?) -> NamedToken? { id.flatMap { id in texts[id].map { ($0, id) } } }
    let file = Self.qwenFile(
      vocabulary: .object(members), merges: merges.map { .string($0) },
      addedTokens: added.map { Self.addedToken(.int($0.id), $0.text, isSpecial: $0.isSpecial) },
      before: named(before), after: named(after))
    try self.init(tokenizer: file, configuration: configuration, chatFormat: chatFormat)
  }
}
