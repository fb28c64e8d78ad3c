import Foundation

/// What the journal of an unfinished pack says beside its tensors when a part is done.
struct ConversionNote: Codable {
  let record: PartRecord
  /// The hash of the calibration's hidden rows behind the part; nil when no later layer looks at them.
  let rowsHash: UInt64?
  /// The hashes of the checkpoint's tensors that were read so far, by name.
  let tensorHashes: [String: UInt64]
}

extension ConversionNote {
  /// One line of JSON. Numbers are written so that reading them gives the same bits.
  var text: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: Self.infinity, negativeInfinity: "-" + Self.infinity, nan: Self.nan)
    guard let data = try? encoder.encode(self) else {
      preconditionFailure("a note holds nothing but plain values")
    }
    return String(decoding: data, as: UTF8.self)
  }

  /// nil for a text that no note of this version has.
  init?(_ text: String) {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: Self.infinity, negativeInfinity: "-" + Self.infinity, nan: Self.nan)
    guard let note = try? decoder.decode(Self.self, from: Data(text.utf8)) else { return nil }
    self = note
  }

  private static let infinity = "infinity"
  private static let nan = "nan"
}
