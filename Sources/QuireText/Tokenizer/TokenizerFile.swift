import QuireJSON

/// tokenizer.json, read and checked in full.
struct TokenizerFile {
  let vocabulary: TokenTable
  let addedTokens: [AddedToken]
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
    vocabulary = try Self.vocabulary(model["vocab"])
    byteIDs = try Self.byteIDs(vocabulary)
    merges = try Self.merges(model["merges"], vocabulary)
    mergeTable = try Self.mergeTable(merges, byteIDs)
    addedTokens = try Self.addedTokens(root["added_tokens"], vocabulary)
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

  private static func vocabulary(_ json: JSONValue?) throws(TextError) -> TokenTable {
    guard let members = json?.objectValue?.members, !members.isEmpty else {
      throw .field(
        name: "model.vocab", expected: "an object of tokens", found: json?.kindDescription ?? "nothing")
    }
    guard members.count < MergeTable.maximumCount else {
      throw .unsupported(
        field: "model.vocab", expected: "fewer than \(MergeTable.maximumCount) tokens",
        found: "\(members.count)")
    }
    var tokens = [[UInt8]?](repeating: nil, count: members.count)
    for member in members {
      guard let id = member.value.intValue else {
        throw .field(
          name: "model.vocab[\"\(member.key)\"]", expected: "an integer", found: member.value.kindDescription)
      }
      guard tokens.indices.contains(id) else {
        throw .tokenID(id, problem: "\(members.count) tokens cannot have it without leaving a gap")
      }
      guard tokens[id] == nil else {
        throw .tokenID(id, problem: "two tokens have it, one is \"\(member.key)\"")
      }
      var bytes: [UInt8] = []
      guard ByteAlphabet.appendBytes(of: member.key, to: &bytes), !bytes.isEmpty else {
        throw .unsupported(
          field: "model.vocab", expected: "tokens spelled in the byte-level alphabet",
          found: "\"\(member.key)\"")
      }
      guard bytes.count <= TokenTable.tokenBytesMaximum else {
        throw .unsupported(
          field: "model.vocab", expected: "tokens of at most \(TokenTable.tokenBytesMaximum) bytes",
          found: "one of \(bytes.count) with the id \(id)")
      }
      tokens[id] = bytes
    }
    var duplicate: (Int, Int)?
    // Each id was assigned exactly once, so none is nil.
    let table = TokenTable(tokens: tokens.map { $0! }, duplicate: &duplicate)
    if let (first, second) = duplicate {
      throw .duplicateToken(ByteAlphabet.text(of: table[first]), first: first, second: second)
    }
    return table
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
