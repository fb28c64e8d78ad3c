import Foundation
import QuireConversion
import QuireFiles
import QuireJSON
import QuireModelFiles
import QuireTensors
import QuireText

/// Makes the packs of recipes' steps, one at a time. With kept results, a killed conversion is resumed, and a finished
/// pack is used until its row is measured.
struct RowConversion {
  let compute: Compute
  let chatFormat: ChatFormatOverride?
  let folder: WorkFolder
  let store: ResultStore
  private let last = LastConversion()

  /// The model of a row on disk; converts the checkpoint when the row is a recipe's step.
  func source(
    _ plan: RowPlan.Entry, _ row: inout EvaluationRow, _ keys: RowKeys,
    onProgress: RowMeasurement.Progress
  ) throws(EvaluationError) -> ModelSource {
    switch plan.source {
    case .existing(let source): return source
    case .conversion(let recipe, let checkpoint):
      let start = ContinuousClock.now
      onProgress(.converting, 0, 0)
      let path = path(keys)
      if FileManager.default.fileExists(atPath: path) {
        // The row before has the same model, or an earlier run was killed while it measured the pack.
        let note = last.key == keys.conversion ? last.note : store.value(keys.conversion)
        row.notes = (note?["notes"]?.arrayValue ?? []).compactMap(\.stringValue)
        row.conversionSeconds = note?["seconds"]?.doubleValue
        if note != nil, let source = try? ModelSource(path: path) { return source }
        try? FileManager.default.removeItem(atPath: path)
      }
      row.notes = try convert(checkpoint, by: recipe, to: path, onProgress: onProgress)
      let seconds = (ContinuousClock.now - start).seconds
      row.conversionSeconds = seconds
      let note: JSONValue = [
        "notes": .array(row.notes.map { .string($0) }), "seconds": .double(seconds),
      ]
      (last.key, last.note) = (keys.conversion, note)
      try store.keep(note, keys.conversion)
      return try opening { () throws(ModelFileError) in try ModelSource(path: path) }
    }
  }

  /// Removes the pack of a recipe's step after the last row that uses it.
  func finish(_ plan: RowPlan.Entry, _ keys: RowKeys) {
    guard case .conversion = plan.source, !plan.sharesModel else { return }
    try? FileManager.default.removeItem(atPath: path(keys))
  }

  private func path(_ keys: RowKeys) -> String {
    store.path(keys.conversion, ".quire") ?? folder.path + "/row.quire"
  }

  /// Throws where a row's recipe asks for what its checkpoint does not have.
  func check(_ plan: RowPlan.Entry) throws(EvaluationError) {
    guard case .conversion(let recipe, let checkpoint) = plan.source else { return }
    _ = try converter(checkpoint, recipe)
  }

  /// What identifies the model of a row, without making it.
  func identity(_ plan: RowPlan.Entry) throws(EvaluationError) -> String {
    switch plan.source {
    case .existing(let source): return try source.identity()
    case .conversion(let recipe, let checkpoint):
      let identity = try checkpoint.identity()
      return try "recipe-" + Digest.of(converter(checkpoint, recipe).identity(checkpoint: identity))
    }
  }

  /// The tool version that temporary packs name; they are deleted after the row.
  private static let toolVersion = "evaluation"

  private func converter(_ checkpoint: ModelSource, _ recipe: Recipe) throws(EvaluationError) -> Converter {
    let source = try checkpoint.asCheckpoint()
    return try wrapping(
      EvaluationError.converting,
      try Converter(
        source, recipe: recipe, compute: compute, toolVersion: Self.toolVersion, chatFormat: chatFormat))
  }

  /// - Returns: notices, a sentence each
  private func convert(
    _ checkpoint: ModelSource, by recipe: Recipe, to path: String, onProgress: RowMeasurement.Progress
  ) throws(EvaluationError) -> [String] {
    let converter = try converter(checkpoint, recipe)
    let steps = 1000
    // The converter takes an escaping closure; this one does not escape, so it is lent.
    let outcome: Result<ConversionReport, ConversionError>
    outcome = withoutActuallyEscaping(onProgress) { onProgress in
      do throws(ConversionError) {
        let report = try converter.run(output: path, resumes: store.folder != nil) {
          onProgress(.converting, Int($0.fractionDone * Double(steps)), steps)
        }
        return .success(report)
      } catch {
        return .failure(error)
      }
    }
    return try wrapping(folder.failure, try outcome.get()).rows.flatMap(\.remarks)
  }
}

/// What the latest conversion of this run reported.
private final class LastConversion {
  var key: ResultKey?
  var note: JSONValue?
}

extension EvaluationError {
  fileprivate static func converting(_ error: ConversionError) -> EvaluationError {
    .conversion(error.description)
  }
}
