import QuireFiles
import Foundation
import QuireCheckpoints
package import QuireJSON
package import QuireModel
import QuireTensors
import QuireText

/// The origin of statistics: the metadata of their file, and the calibration entry of a pack made with them.
package struct StatisticsOrigin: Sendable, Equatable {
  /// One text that ran through the model.
  package struct Text: Sendable, Equatable, Encodable {
    package let source: String
    package let windows: Int
    package let tokens: Int
    package let seed: UInt64
    package let mode: String
    /// The hash of the tokens in the order of the windows.
    package let hash: String
    /// nil: the whole text.
    package var shard: Shard?

    package init(source: String, windows: Int, tokens: Int, seed: UInt64, mode: String, hash: String) {
      self.source = source
      self.windows = windows
      self.tokens = tokens
      self.seed = seed
      self.mode = mode
      self.hash = hash
    }
  }

  /// The fingerprint of the weights that the texts ran through.
  package let checkpoint: String
  package let texts: [Text]
  /// The version of the program that wrote the file.
  package let toolVersion: String

  package init(checkpoint: String, texts: [Text], toolVersion: String) {
    self.checkpoint = checkpoint
    self.texts = texts
    self.toolVersion = toolVersion
  }

  // bounded: 2^48 in a file, and a merge takes fewer files than 2^15
  package var tokenCount: Int { texts.reduce(0) { $0 + $1.tokens } }
}

extension StatisticsOrigin.Text {
  /// - Parameter shard: with it, `set` has the windows of that shard of `whole`
  init(
    _ set: CalibrationSet, _ settings: CalibrationSettings, shard: CalibrationShard?, of whole: CalibrationSet
  ) {
    self.init(
      source: set.sourceName, windows: set.windows.count, tokens: set.tokenCount, seed: settings.seed,
      mode: settings.chatMode.rawValue, hash: Self.hash(of: set))
    self.shard = shard.map { Shard($0, whole: Self.hash(of: whole)) }
  }

  private static func hash(of set: CalibrationSet) -> String {
    var hash = ContentHash()
    for sequence in set.windows.lazy.flatMap(\.sequences) {
      // Lengths are hashed first: sequence boundaries decide which tokens attend to which.
      withUnsafeBytes(of: UInt64(sequence.count).littleEndian) { hash.update($0) }
      sequence.withUnsafeBytes { hash.update($0) }
    }
    return hash.hexadecimal
  }

  /// nil for an invalid one: a missing member, or a number that is negative, zero or fractional.
  init?(json: JSONValue) {
    guard let source = json["source"]?.stringValue,
      let windows = json["windows"]?.count.value, let tokens = json["tokens"]?.count.value,
      windows > 0, tokens > 0, let seed = json["seed"]?.numberValue.flatMap({ UInt64($0.literal) }),
      let mode = json["mode"]?.stringValue, let hash = json["hash"]?.stringValue
    else { return nil }
    self.init(source: source, windows: windows, tokens: tokens, seed: seed, mode: mode, hash: hash)
    if let value = json["shard"] {
      guard let shard = Shard(json: value) else { return nil }
      self.shard = shard
    }
  }

  /// Whether both share windows, or may: the same seed begins with the same windows.
  func overlaps(_ other: Self) -> Bool {
    if let shard, let second = other.shard, shard.whole == second.whole, shard.count == second.count {
      return shard.index == second.index
    }
    return hash == other.hash || (shard?.whole ?? hash) == (other.shard?.whole ?? other.hash)
      || (source == other.source && seed == other.seed && mode == other.mode)
  }

  package var sentence: String {
    "\(CountText.of(windows, "window")) of \(source.visibleLine), \(tokens) tokens, seed \(seed)"
      + (shard.map { ", shard \($0.text)" } ?? "")
  }

  package var json: JSONValue {
    var members: JSONObject = [
      "source": .string(source), "windows": .int(windows), "tokens": .int(tokens), "seed": .int(seed),
      "mode": .string(mode),
    ]
    if let shard { members["shard"] = .string(shard.text) }
    return .object(members)
  }
}

extension StatisticsOrigin {
  private enum Key: String, CaseIterable { case format, version, checkpoint, tokens, texts, tool }
  private static let format = "quire-statistics"
  private static let version = "1"

  var metadata: [String: String] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let texts = try? encoder.encode(texts) else { preconditionFailure("texts are plain values") }
    return [
      Key.format.rawValue: Self.format, Key.version.rawValue: Self.version,
      Key.checkpoint.rawValue: checkpoint, Key.tokens.rawValue: "\(tokenCount)",
      Key.texts.rawValue: String(decoding: texts, as: UTF8.self), Key.tool.rawValue: toolVersion,
    ]
  }

  /// Throws for other files, and for statistics files of another version.
  init(metadata: [String: String], path: String) throws(CalibrationError) {
    guard metadata[Key.format.rawValue] == Self.format else {
      throw .statistics(
        path: path,
        problem: "holds no statistics: expected a file that quire calibrate has written, "
          + "found a safetensors file of another kind; check the path")
    }
    guard metadata[Key.version.rawValue] == Self.version else {
      throw .statistics(
        path: path,
        problem: "is of version \(metadata[Key.version.rawValue] ?? "none"), expected \(Self.version); "
          + "collect it again with this program's quire calibrate")
    }
    guard let checkpoint = metadata[Key.checkpoint.rawValue], let tool = metadata[Key.tool.rawValue],
      let json = metadata[Key.texts.rawValue],
      let texts = Self.texts(json), let tokens = metadata[Key.tokens.rawValue],
      CheckedCount(digits: tokens.utf8) == CheckedCount.sum(texts.map(\.tokens))
    else { throw .statistics(path: path, problem: Self.damaged) }
    self.init(checkpoint: checkpoint, texts: texts, toolVersion: tool)
  }

  /// The most tokens of a file: sums over files stay far from overflowing.
  private static let tokenCountMax = 1 << 48

  /// The texts of the metadata; nil unless each is complete and their tokens are within the limit.
  private static func texts(_ json: String) -> [Text]? {
    guard let list = (try? JSONValue.parse(json))?.arrayValue, !list.isEmpty else { return nil }
    let texts = list.compactMap(Text.init(json:))
    guard texts.count == list.count,
      CheckedCount.sum(texts.map(\.tokens)).value(atMost: tokenCountMax) != nil
    else { return nil }
    return texts
  }

  static let damaged = "is damaged; copy it again, or collect it again with quire calibrate"

  /// The fingerprint of the weights that decide a model's activations.
  package static func fingerprint(_ loader: LayerLoader) throws(CalibrationError) -> String {
    let names = loader.configuration.tensorNames.filter { $0 != .finalNorm && $0 != .head }.map(\.string)
    return try wrapping(CalibrationError.checkpoint, try loader.checkpoint.fingerprint(of: names))
  }
}
