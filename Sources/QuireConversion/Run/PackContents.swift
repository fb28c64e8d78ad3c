import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuirePacks
import QuireText

/// The contents of a pack's manifest except for its tensors.
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

  /// Hashes those parts of the checkpoint's files that were not hashed while they were used.
  func manifest(progress: @escaping (Double) -> Void) throws(ConversionError) -> PackManifest {
    var manifest = PackManifest(
      configuration: configuration.json, tokenizer: tokenizer.sourceJSON,
      tokenizerConfiguration: tokenizer.configuration,
      generationConfiguration: checkpoint.generationConfiguration,
      recipe: PackRecipe(name: recipe.name, text: recipe.text, stepCount: recipe.steps.count),
      provenance: try provenance(progress: progress), rows: rows.map(\.json))
    manifest.chatFormat = tokenizer.chatFormat.format?.json
    return manifest
  }

  private func provenance(
    progress: @escaping (Double) -> Void
  ) throws(ConversionError) -> PackProvenance {
    let hashes: [SourceHash]
    do throws(CheckpointError) {
      hashes = try checkpoint.sourceHashes(known: tensorHashes) { done, total in
        progress(Double(done) / Double(max(1, total)))
      }
    } catch {
      throw .checkpoint(error)
    }
    return PackProvenance(
      toolVersion: toolVersion,
      sources: hashes.map {
        .init(file: $0.file, byteCount: $0.byteCount, algorithm: $0.algorithm.rawValue, hash: $0.hash)
      }, calibration: calibrationSource)
  }

  private var calibrationSource: PackProvenance.Calibration? {
    if let calibration {
      return .windows(
        source: calibration.sourceName, windowCount: calibration.windows.count,
        tokenCount: calibration.tokenCount, seed: recipe.calibration.seed)
    }
    return statistics.map {
      .statistics(
        hash: $0.identity, tokenCount: $0.origin.tokenCount, texts: $0.origin.texts.map(\.json))
    }
  }
}
