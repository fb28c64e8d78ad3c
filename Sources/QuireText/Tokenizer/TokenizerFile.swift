import QuireJSON

/// tokenizer.json, read and checked in full.
struct TokenizerFile {
  let vocabulary: TokenTable
  let addedTokens: [AddedToken]
  /// Ids of added tokens that are in the vocabulary by a text that the byte-level alphabet cannot spell.
  let listedIDs: Set<Int>
  let merges: [MergeTable.Merge]
  let mergeTable: MergeTable
  let byteIDs: [Int32]
  let vocabularySize: Int
  let normalizesText: Bool
  let frame: TokenFrame
  /// The file without its vocabulary and merges.
  let skeleton: JSONValue

  init(_ json: JSONValue) throws(TextError) {
    guard var root = json.objectValue else {
      throw .field(name: "the file", expected: "an object", found: json.kindDescription)
    }
    let shape = TokenizerShape(root: json)
    try shape.check()
    guard var model = root["model"]?.objectValue else { throw shape.missing("model", "an object") }
    let added = try Self.addedTokens(root["added_tokens"])
    let read = try Self.vocabulary(model["vocab"], added)
    vocabulary = read.table
    listedIDs = read.listedIDs
    byteIDs = try Self.byteIDs(vocabulary)
    merges = try Self.merges(model["merges"], vocabulary)
    mergeTable = try Self.mergeTable(merges, byteIDs)
    try Self.checkIDs(added, vocabulary, listedIDs: listedIDs, count: read.count)
    addedTokens = added.sorted { $0.id < $1.id }
    // bounded: ids are below MergeTable.maximumCount
    vocabularySize = max(vocabulary.count, (addedTokens.last?.id ?? -1) + 1)
    normalizesText = shape.normalizesText
    frame = try TokenFrame(root["post_processor"])
    try frame.check(vocabularySize: vocabularySize)
    model["vocab"] = .object([:])
    model["merges"] = .array([])
    root["model"] = .object(model)
    skeleton = .object(root)
  }

  /// The tokens of byte-pair encoding, with the ids of added tokens that are among them by their text, and the number
  /// of all.
  private static func vocabulary(
    _ json: JSONValue?, _ added: [AddedToken]
  ) throws(TextError) -> (table: TokenTable, listedIDs: Set<Int>, count: Int) {
    guard let members = json?.objectValue?.members, !members.isEmpty else {
      throw .field(
        name: "model.vocab", expected: "an object of tokens", found: json?.kindDescription ?? "nothing")
    }
    guard members.count < MergeTable.maximumCount else {
      throw .unsupported(
        field: "model.vocab", expected: "fewer than \(MergeTable.maximumCount) tokens",
        found: "\(members.count)")
    }
    // Ids that no token has stay empty.
    var tokens = [[UInt8]](repeating: [], count: members.count)
    var listedIDs: Set<Int> = []
    let idOfAdded = Dictionary(added.map { ($0.content, $0.id) }, uniquingKeysWith: { first, _ in first })
    for member in members {
      let id = try id(of: member)
      if id >= tokens.count {
        // bounded: the id is below MergeTable.maximumCount
        tokens += [[UInt8]](repeating: [], count: id + 1 - tokens.count)
      }
      guard tokens[id].isEmpty, !listedIDs.contains(id) else {
        throw .tokenID(id, problem: "two tokens have it, one is \"\(member.key)\"")
      }
      if let bytes = try bytes(of: member.key, id: id, idOfAdded) {
        tokens[id] = bytes
      } else {
        listedIDs.insert(id)
      }
    }
    var duplicate: (Int, Int)?
    let table = TokenTable(tokens: tokens, duplicate: &duplicate)
    if let (first, second) = duplicate {
      throw .duplicateToken(ByteAlphabet.text(of: table[first]), first: first, second: second)
    }
    return (table, listedIDs, members.count)
  }

  private static func id(of member: JSONObject.Member) throws(TextError) -> Int {
    guard let id = member.value.intValue else {
      throw .field(
        name: "model.vocab[\"\(member.key)\"]", expected: "an integer", found: member.value.kindDescription)
    }
    guard (0..<MergeTable.maximumCount).contains(id) else {
      throw .tokenID(id, problem: "expected ids from 0 to \(MergeTable.maximumCount - 1)")
    }
    return id
  }

  /// The bytes that a token's spelling in the byte-level alphabet stands for; nil for an added token that is listed by its
  /// text.
  private static func bytes(
    of spelling: String, id: Int, _ idOfAdded: [[UInt8]: Int]
  ) throws(TextError) -> [UInt8]? {
    var bytes: [UInt8] = []
    let isSpelled = ByteAlphabet.appendBytes(of: spelling, to: &bytes) && !bytes.isEmpty
    let content = Array(spelling.utf8)
    if let stated = idOfAdded[content] {
      guard stated == id else {
        throw .field(
          name: "added_tokens", expected: "the id \(id) of \"\(spelling)\" in model.vocab",
          found: "\(stated)")
      }
      // Added to the vocabulary "é" is the token of byte 233, which it stays.
      if !isSpelled { return nil }
    }
    guard isSpelled else {
      throw .unsupported(
        field: "model.vocab", expected: "tokens spelled in the byte-level alphabet", found: "\"\(spelling)\"")
    }
    guard bytes.count <= TokenTable.tokenBytesMaximum else {
      throw .unsupported(
        field: "model.vocab", expected: "tokens of at most \(TokenTable.tokenBytesMaximum) bytes",
        found: "one of \(bytes.count) with the id \(id)")
    }
    return bytes
  }

  private static func byteIDs(_ vocabulary: TokenTable) throws(TextError) -> [Int32] {
    var ids: [Int32] = []
    for byte in UInt8.min...UInt8.max {
      guard let id = vocabulary.id(of: [byte]) else {
        throw .unsupported(
          field: "model.vocab", expected: "a token for each of the 256 bytes",
          found: "none for byte \(byte), \"\(ByteAlphabet.text(of: [byte]))\"")
      }
      // bounded: ids are below MergeTable.maximumCount
      ids.append(Int32(id))
    }
    return ids
  }
}
