import QuireCalibration
import QuireOptimization
import QuireModel
import QuireFiles
import QuireCheckpoints
import QuireJSON
import QuireTensors

/// Everything that decides the bytes of a pack, so that a conversion goes on only where it began the same.
struct ConversionKey {
  private let parts: JSONObject

  init(
    checkpoint: Checkpoint, recipe: Recipe, calibration: CalibrationSet?, statistics: StatisticsFile?,
    toolVersion: String
  ) throws(ConversionError) {
    func hash(_ text: String) -> JSONValue {
      var hash = ContentHash()
      var text = text
      text.withUTF8 { hash.update(UnsafeRawBufferPointer($0)) }
      return .string(hash.hexadecimal)
    }
    var parts = JSONObject()
    parts["program"] = .string(toolVersion)
    parts["checkpoint"] = hash(
      try wrapping(ConversionError.checkpoint, try checkpoint.fileStamps()))
    // The text goes into the pack, and steps may have been taken from it.
    parts["recipe"] = hash("\(recipe.name)\n\(recipe.text)\n\(recipe.steps)\n\(recipe.calibration)")
    parts["calibration text"] = hash(calibration.map { "\($0)" } ?? "")
    parts["statistics"] = .string(statistics?.identity ?? "")
    self.parts = parts
  }

  var text: String { JSONValue.object(parts).serialized() }

  /// Which of the parts another key has otherwise: "recipe", "checkpoint and program".
  func differences(from text: String) -> String {
    guard let other = try? JSONValue.parse(Array(text.utf8)).objectValue else { return "program" }
    let names = parts.members.map(\.key).filter { parts[$0] != other[$0] }
    return names.isEmpty ? "program" : names.joined(separator: " and ")
  }
}

/// What a conversion found at the place of the pack when it began.
package enum ConversionStart: Sendable, Equatable {
  /// Nothing that it could use, and nothing that was in the way.
  case anew
  /// What an earlier run of the same conversion has finished.
  case resumed(layersDone: Int)
  /// An unfinished pack that cannot be gone on with.
  case discarded(reason: String)

  /// What to tell the user; nil for `anew`.
  package var sentence: String? {
    switch self {
    case .anew: nil
    case .resumed(let layersDone):
      "goes on behind layer \(layersDone) of an earlier run that was stopped; delete the .partial files to start anew"
    case .discarded(let reason): "starts anew: the unfinished pack of an earlier run \(reason)"
    }
  }
}
