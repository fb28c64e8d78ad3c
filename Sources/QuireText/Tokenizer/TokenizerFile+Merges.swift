import QuireJSON

extension TokenizerFile {
  /// In order of rank.
  static func merges(_ json: JSONValue?, _ vocabulary: TokenTable) throws(TextError) -> [MergeTable.Merge] {
    guard let entries = json?.arrayValue else {
      throw .field(name: "model.merges", expected: "an array", found: json?.kindDescription ?? "nothing")
    }
    guard entries.count < MergeTable.maximumCount else {
      throw .unsupported(
        field: "model.merges", expected: "fewer than \(MergeTable.maximumCount) merges",
        found: "\(entries.count)")
    }
    var merges: [MergeTable.Merge] = []
    merges.reserveCapacity(entries.count)
    for (rank, entry) in entries.enumerated() {
      let (left, right) = try sides(of: entry, rank)
      let leftID = try id(of: left, rank, vocabulary)
      let rightID = try id(of: right, rank, vocabulary)
      // bounded: lists of bytes are joined; ids are below MergeTable.maximumCount
      let bytes = vocabulary[leftID] + vocabulary[rightID]
      guard let product = vocabulary.id(of: bytes) else { throw unknownToken(left + right, rank) }
      merges.append(MergeTable.Merge(left: Int32(leftID), right: Int32(rightID), product: Int32(product)))
    }
    return merges
  }

  static func mergeTable(_ merges: [MergeTable.Merge], _ byteIDs: [Int32]) throws(TextError) -> MergeTable {
    var duplicate: (Int, Int)?
    let table = MergeTable(merges: merges, byteIDs: byteIDs, duplicate: &duplicate)
    if let (first, second) = duplicate {
      throw .merge(rank: second, problem: "it repeats model.merges[\(first)]")
    }
    return table
  }

  /// `["a", "b"]`, or `"a b"` in older files.
  private static func sides(of entry: JSONValue, _ rank: Int) throws(TextError) -> (String, String) {
    if let parts = entry.arrayValue, parts.count == 2, let left = parts[0].stringValue,
      let right = parts[1].stringValue
    {
      return (left, right)
    }
    if let text = entry.stringValue {
      let parts = text.split(separator: " ", omittingEmptySubsequences: false)
      if parts.count == 2 { return (String(parts[0]), String(parts[1])) }
    }
    throw .merge(rank: rank, problem: "expected two tokens, found \(entry.kindDescription) of another form")
  }

  private static func id(of token: String, _ rank: Int, _ vocabulary: TokenTable) throws(TextError) -> Int {
    var bytes: [UInt8] = []
    guard ByteAlphabet.appendBytes(of: token, to: &bytes), let id = vocabulary.id(of: bytes[...]) else {
      throw unknownToken(token, rank)
    }
    return id
  }

  private static func unknownToken(_ token: String, _ rank: Int) -> TextError {
    .merge(rank: rank, problem: "the token \"\(token)\" is not in model.vocab")
  }
}
