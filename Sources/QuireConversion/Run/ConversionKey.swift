import Foundation
import QuireCalibration
import QuireOptimization
import QuireModel
import QuireFiles
import QuireCheckpoints
import QuireJSON
import QuirePacks
import QuireTensors
import QuireText

/// Everything that decides the bytes of a pack. A conversion only resumes one with the same key.
struct ConversionKey {
  private var parts: JSONObject

  init(
    checkpoint: Checkpoint, recipe: Recipe, calibration: CalibrationSet?, statistics: StatisticsFile?,
    chatFormat: ChatFormatChoice, toolVersion: String
  ) throws(ConversionError) {
    let stamps = try wrapping(ConversionError.checkpoint, try checkpoint.fileStamps())
    let adapters =
      checkpoint.adapters.isEmpty
      ? nil : try wrapping(ConversionError.checkpoint, try checkpoint.adapterIdentity())
    self.init(
      checkpoint: stamps, adapters: adapters, recipe: recipe, calibration: calibration,
      statistics: statistics,
      chatFormat: chatFormat, toolVersion: toolVersion)
  }

  /// - Parameters:
  ///   - checkpoint: What identifies the checkpoint.
  ///   - adapters: What identifies the adapters that are merged into it; nil without adapters.
  init(
    checkpoint: String, adapters: String? = nil, recipe: Recipe, calibration: CalibrationSet?,
    statistics: StatisticsFile?,
    chatFormat: ChatFormatChoice, toolVersion: String
  ) {
    func hash(_ text: String) -> JSONValue {
      var hash = ContentHash()
      var text = text
      text.withUTF8 { hash.update(UnsafeRawBufferPointer($0)) }
      return .string(hash.hexadecimal)
    }
    var parts = JSONObject()
    parts["program"] = .string(toolVersion)
    parts["checkpoint"] = hash(checkpoint)
    // Without adapters the key is the same as before there were any.
    if let adapters { parts["adapters"] = .string(adapters) }
    // The statistics file has a part of its own, so that a refusal names it and not the recipe.
    var settings = recipe.calibration
    settings.statistics = nil
    // The recipe's text goes into the pack; the steps may be only the beginning of those in the text.
    parts["recipe"] = hash("\(recipe.name)\n\(recipe.text)\n\(recipe.steps)\n\(settings)")
    parts["calibration text"] = hash(calibration.map { "\($0)" } ?? "")
    parts["statistics file"] = hash("\(recipe.calibration.statistics ?? "")\n\(statistics?.identity ?? "")")
    parts["chat format"] = .string(chatFormat.format?.key ?? "")
    self.parts = parts
  }

  /// Adds the pack that a delta pack takes tensors from.
  mutating func add(_ parent: PackReader) {
    let name = URL(fileURLWithPath: parent.path).lastPathComponent
    parts["parent"] = .string("\(name) \(ContentHash.hexadecimal(parent.contentsHash))")
  }

  var text: String { JSONValue.object(parts).serialized() }

  /// The parts that differ from another key: "recipe", "checkpoint and program".
  func differences(from text: String) -> String {
    guard let other = try? JSONValue.parse(Array(text.utf8)).objectValue else { return "program" }
    let keys = parts.keys + other.keys.filter { parts[$0] == nil }
    let names = keys.filter { parts[$0] != other[$0] }
    return names.isEmpty ? "program" : names.joined(separator: " and ")
  }
}

extension Converter {
  /// Everything that decides the pack's bytes, where `checkpoint` identifies the checkpoint.
  package func identity(checkpoint: String) -> String {
    ConversionKey(
      checkpoint: checkpoint, recipe: optimizer.recipe, calibration: calibration, statistics: statistics,
      chatFormat: tokenizer.chatFormat, toolVersion: toolVersion
    ).text
  }
}
