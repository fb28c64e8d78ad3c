import QuireCalibration
import QuireOptimization
import QuireModel
import QuireCheckpoints
import Foundation

/// A journal entry for the run that resumes after a killed one.
protocol JournalNote: Codable {}

extension JournalNote {
  /// One line of JSON. Numbers are written so that reading them gives the same bits.
  var text: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: Spelling.infinity, negativeInfinity: "-" + Spelling.infinity, nan: Spelling.nan)
    guard let data = try? encoder.encode(self) else {
      preconditionFailure("a note holds nothing but plain values")
    }
    return String(decoding: data, as: UTF8.self)
  }

  /// nil for a text that is no note of this version.
  init?(_ text: String) {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: Spelling.infinity, negativeInfinity: "-" + Spelling.infinity, nan: Spelling.nan)
    guard let note = try? decoder.decode(Self.self, from: Data(text.utf8)) else { return nil }
    self = note
  }
}

/// Spelling of values that JSON has no numbers for.
private enum Spelling {
  static let infinity = "infinity"
  static let nan = "nan"
}
