package import QuireJSON

/// Qwen3's tokenizer: text to token ids and back, with exactly the results of Hugging Face's implementation.
///
/// ```swift
/// let tokenizer = try Tokenizer(folder: "Qwen3-8B")
/// let ids = tokenizer.encode("Hello")
/// let text = String(decoding: tokenizer.decode(ids), as: UTF8.self)
/// ```
///
/// For chats use ``ChatFormat``, which prevents users' text from becoming control tokens; for a stream of ids use
/// ``IncrementalDecoder``.
package final class Tokenizer: Sendable {
  /// Tokens of byte-pair encoding by id. Ids without one are added tokens or unused.
  let vocabulary: TokenTable
  /// In order of id.
  let addedTokens: [AddedToken]
  /// Those of them that the vocabulary of tokenizer.json has, too, by their text.
  let listedIDs: Set<Int>
  /// In order of rank, for ``sourceJSON``.
  let merges: [MergeTable.Merge]
  let allAddedTokens: AddedTokenSearch
  let nonSpecialAddedTokens: AddedTokenSearch
  /// tokenizer.json without its vocabulary and merges.
  let skeleton: JSONValue
  /// tokenizer_config.json, if there is one, with the chat templates in use, from whichever file they come.
  package let configuration: JSONValue?
  /// The chat format of the model that the tokenizer was opened with.
  package let chatFormat: ChatFormatChoice
  /// Ids that end an answer: `eos_token` of tokenizer_config.json, `<|im_end|>` and `<|endoftext|>`.
  package let endOfSequenceIDs: Set<Int32>
  let encoders: EncoderPool
  /// Whether text is normalized to NFC.
  let normalizesText: Bool
  /// Tokens around a text that is not a chat.
  let frame: TokenFrame

  /// One more than the largest id in use. A model's embedding may have more rows; ids from this number on, and unused
  /// ones below it, decode to nothing and are never generated.
  package let vocabularySize: Int

  /// From the contents of tokenizer.json and tokenizer_config.json.
  ///
  /// - Parameters:
  ///   - templateFiles: Chat templates with their own files.
  ///   - chatFormat: What the user says about the format; the rest is found from the templates.
  ///   - recordedChatFormat: The member `chatFormat` of a pack's manifest.
  package init(
    tokenizer: JSONValue, configuration: JSONValue? = nil, templateFiles: [ChatTemplates.Template] = [],
    chatFormat: ChatFormatOverride? = nil, recordedChatFormat: JSONValue? = nil
  ) throws(TextError) {
    let file = try TokenizerFile(tokenizer)
    vocabulary = file.vocabulary
    let templates = ChatTemplates(configuration: configuration, files: templateFiles)
    self.chatFormat = ChatFormatChoice(
      templates: templates, asked: chatFormat, recorded: recordedChatFormat,
      specialTokens: TemplateFormat.specialTokens(configuration))
    // Text of a chat must not become a token of the format's structure.
    addedTokens = self.chatFormat.format?.marked(file.addedTokens) ?? file.addedTokens
    listedIDs = file.listedIDs
    merges = file.merges
    encoders = EncoderPool(merges: file.mergeTable, byteIDs: file.byteIDs)
    skeleton = file.skeleton
    vocabularySize = file.vocabularySize
    normalizesText = file.normalizesText
    frame = file.frame
    allAddedTokens = AddedTokenSearch(addedTokens, normalizes: normalizesText)
    nonSpecialAddedTokens = AddedTokenSearch(
      addedTokens.filter { !$0.isSpecial }, normalizes: normalizesText)
    self.configuration = templateFiles.isEmpty ? configuration : Self.adding(templates, to: configuration)
    endOfSequenceIDs = Self.endOfSequenceIDs(of: file.addedTokens, configuration)
  }

  private static func adding(_ templates: ChatTemplates, to configuration: JSONValue?) -> JSONValue {
    var members = configuration?.objectValue ?? [:]
    members[ChatTemplates.configurationMember] = templates.json
    return .object(members)
  }

  private static func endOfSequenceIDs(of tokens: [AddedToken], _ configuration: JSONValue?) -> Set<Int32> {
    let named = configuration?["eos_token"]
    let contents = [named?.stringValue ?? named?["content"]?.stringValue, "<|im_end|>", "<|endoftext|>"]
      .compactMap { $0.map { Array($0.utf8) } }
    return Set(tokens.filter { contents.contains($0.content) }.map { Int32($0.id) })
  }

  /// The id of an added token by its text, or of a vocabulary token by its bytes.
  package func id(of token: String) -> Int32? {
    addedTokenID(of: token) ?? vocabulary.id(of: Array(token.utf8)[...]).map(Int32.init)
  }

  func addedTokenID(of token: String) -> Int32? {
    let bytes = Array(token.utf8)
    return addedTokens.first { $0.content == bytes }.map { Int32($0.id) }
  }

  /// The bytes of a token, which need not be valid UTF-8 by themselves; empty for unused ids.
  package func bytes(of id: Int32) -> ArraySlice<UInt8> {
    // A token of the vocabulary that is also an added token, such as "é" for byte 233, is decoded by its spelling.
    if id >= 0, Int(id) < vocabulary.count, !vocabulary[Int(id)].isEmpty { return vocabulary[Int(id)] }
    return addedToken(id)?.content[...] ?? []
  }

  /// Whether the id belongs to a special added token (`<|im_end|>` is one, `<think>` is not).
  package func isSpecial(_ id: Int32) -> Bool {
    addedToken(id)?.isSpecial ?? false
  }

  /// Whether the id is a token of a chat's structure: every special one, and tags such as `<think>`. The text of
  /// messages never yields one.
  package func isControl(_ id: Int32) -> Bool {
    addedToken(id)?.isControl ?? false
  }

  /// The id of the control token with this text.
  package func controlID(of text: String) -> Int32? {
    addedTokenID(of: text).flatMap { isControl($0) ? $0 : nil }
  }

  /// The added token with this id, if there is one.
  func addedToken(_ id: Int32) -> AddedToken? {
    guard let first = addedTokens.first, Int(id) >= first.id, Int(id) < vocabularySize else { return nil }
    // Their ids are almost always consecutive.
    let guess = Int(id) - first.id
    if guess < addedTokens.count && addedTokens[guess].id == Int(id) { return addedTokens[guess] }
    var range = addedTokens.indices
    while !range.isEmpty {
      let middle = (range.lowerBound + range.upperBound) / 2
      if addedTokens[middle].id == Int(id) { return addedTokens[middle] }
      range =
        addedTokens[middle].id < Int(id) ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return nil
  }

  /// Whether a token has this id. Some vocabularies leave out ids below ``vocabularySize``.
  package func isUsed(_ id: Int32) -> Bool { !bytes(of: id).isEmpty }
}
