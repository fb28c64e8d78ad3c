import QuireJSON

extension StatisticsOrigin.Text {
  /// The part of a text that one of several machines ran.
  package struct Shard: Sendable, Equatable, Encodable {
    package let index: Int
    package let count: Int
    /// The hash of the whole text's windows.
    package let whole: String

    init(_ shard: CalibrationShard, whole: String) {
      index = shard.index
      count = shard.count
      self.whole = whole
    }

    /// nil for an invalid one.
    init?(json: JSONValue) {
      guard let index = json["index"]?.count.value, let count = json["count"]?.count.value,
        let shard = CalibrationShard(index: index, count: count), let whole = json["whole"]?.stringValue
      else { return nil }
      self.init(shard, whole: whole)
    }

    var text: String { "\(index)/\(count)" }
  }
}

extension StatisticsOrigin {
  /// The texts, with the shards of a text joined to that text if none is missing.
  static func joined(_ texts: [Text]) -> [Text] {
    var result: [Text] = []
    for text in texts {
      guard let shard = text.shard else {
        result.append(text)
        continue
      }
      let shards = texts.filter { $0.shard?.whole == shard.whole && $0.shard?.count == shard.count }
      guard let whole = whole(of: shards, shard) else {
        result.append(text)
        continue
      }
      if text == shards[0] { result.append(whole) }
    }
    return result
  }

  /// The text that was divided into these shards, as one run of it records it; nil unless each is there once.
  private static func whole(of shards: [Text], _ shard: Text.Shard) -> Text? {
    guard shards.count == shard.count, Set(shards.compactMap(\.shard?.index)).count == shard.count,
      let windows = CheckedCount.sum(shards.map(\.windows)).value,
      let tokens = CheckedCount.sum(shards.map(\.tokens)).value
    else { return nil }
    return Text(
      source: shards[0].source, windows: windows, tokens: tokens, seed: shards[0].seed,
      mode: shards[0].mode, hash: shard.whole)
  }

  /// A sentence for each text of which shards are missing, or which is there as a whole, too.
  static func missingShards(_ texts: [Text]) -> [String] {
    var seen: [Text.Shard] = []
    var notes: [String] = []
    for text in texts {
      guard let shard = text.shard, !seen.contains(where: { $0.isOfSameText(as: shard) }) else { continue }
      seen.append(shard)
      if texts.contains(where: { $0.shard == nil && $0.hash == shard.whole }) {
        notes.append(
          "shard \(shard.text) of \(text.source) is part of a text that is merged as a whole, so its windows count twice; "
            + "merge one of the two")
        continue
      }
      let found = Set(texts.compactMap(\.shard).filter { $0.isOfSameText(as: shard) }.map(\.index))
      let missing = (1...shard.count).filter { !found.contains($0) }
      guard let first = missing.first else { continue }
      let others = missing.count > 1 ? " and \(missing.count - 1) more are" : " is"
      notes.append(
        "of \(text.source), shard \(first)/\(shard.count)\(others) missing, so the statistics are those of a part "
          + "of the text; collect it with --shard \(first)/\(shard.count)")
    }
    return notes
  }
}

extension StatisticsOrigin.Text.Shard {
  fileprivate func isOfSameText(as other: Self) -> Bool { whole == other.whole && count == other.count }
}
