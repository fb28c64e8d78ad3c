import QuireCalibration
import QuireOptimization
import QuireFiles
import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuireText

/// What a pack's manifest says beside its tensors.
struct PackContents {
  let rows: [ConversionReport.Row]
  let recipe: Recipe
  let configuration: ModelConfiguration
  let tokenizer: Tokenizer
  let checkpoint: Checkpoint
  let calibration: CalibrationSet?
  let statistics: StatisticsFile?
  let toolVersion: String
  /// Hashes of the tensors that were read.
  let tensorHashes: [String: UInt64]

  /// The members in order; hashes what of the checkpoint's files has not been hashed while it was used.
  func members(progress: @escaping (Double) -> Void) throws(ConversionError) -> JSONObject {
    var members = JSONObject()
    members["configuration"] = configuration.json
    members["tokenizer"] = tokenizer.sourceJSON
    members["tokenizerConfiguration"] = tokenizerConfiguration
    members["generationConfiguration"] = checkpoint.generationConfiguration ?? .null
    members["recipe"] = [
      "name": .string(recipe.name), "text": .string(recipe.text), "steps": .int(recipe.steps.count),
    ]
    members["provenance"] = try provenance(progress: progress)
    members["rows"] = .array(rows.map(\.json))
    return members
  }

  /// tokenizer_config.json; newer checkpoints keep the chat template in a file of its own, which joins it here.
  private var tokenizerConfiguration: JSONValue {
    guard var members = tokenizer.configuration?.objectValue else { return .null }
    if members["chat_template"] == nil,
      let data = FileManager.default.contents(atPath: checkpoint.folder + "/chat_template.jinja"),
      let text = String(validating: data, as: UTF8.self)
    {
      members["chat_template"] = .string(text)
    }
    return .object(members)
  }

  private func provenance(progress: @escaping (Double) -> Void) throws(ConversionError) -> JSONValue {
    let hashes: [SourceHash]
    do throws(CheckpointError) {
      hashes = try checkpoint.sourceHashes(known: tensorHashes) { done, total in
        progress(Double(done) / Double(max(1, total)))
      }
    } catch {
      throw .checkpoint(error)
    }
    return [
      "tool": "quire",
      "version": .string(toolVersion),
      "sources": .array(
        hashes.map {
          [
            "file": .string($0.file), "bytes": .int($0.byteCount),
            $0.algorithm.rawValue: .string($0.hash),
          ]
        }),
      "calibration": calibration.map(json) ?? statistics.map(json) ?? .null,
    ]
  }

  private func json(_ file: StatisticsFile) -> JSONValue {
    [
      "source": "statistics", "hash": .string(file.identity), "tokens": .int(file.origin.tokenCount),
      "texts": .array(file.origin.texts.map(\.json)),
    ]
  }

  private func json(_ set: CalibrationSet) -> JSONValue {
    [
      "source": .string(set.sourceName), "windows": .int(set.windows.count), "tokens": .int(set.tokenCount),
      "seed": .int(recipe.calibration.seed),
    ]
  }
}
