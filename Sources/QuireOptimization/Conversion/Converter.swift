import Foundation
package import QuireCheckpoints
import QuireModel
import QuirePacks
package import QuireTensors
import QuireText

/// Makes a pack from a checkpoint and a recipe, one layer at a time.
///
///     let converter = try Converter(checkpoint, recipe: recipe, compute: compute, toolVersion: "0.1")
///     print(converter.plan.text)
///     let report = try converter.run(output: "model.quire") { print($0.layersDone, "of", $0.layerCount) }
///
/// Creation checks everything that can be checked without touching weights. The same checkpoint, recipe and
/// version give the same bytes on the same machine, whatever the thread count.
package struct Converter {
  package let plan: ConversionPlan

  private let loader: LayerLoader
  private let tokenizer: Tokenizer
  private let calibration: CalibrationSet?
  private let optimizer: LayerOptimizer
  private let compute: Compute
  private let toolVersion: String

  package init(
    _ checkpoint: Checkpoint, recipe: Recipe, compute: Compute, toolVersion: String
  ) throws(OptimizationError) {
    loader = try wrapping(OptimizationError.model, try LayerLoader(checkpoint))
    tokenizer = try wrapping(OptimizationError.text, try Tokenizer(folder: checkpoint.folder))
    plan = try ConversionPlan(
      recipe: recipe, configuration: loader.configuration, threadCount: compute.team.threadCount)
    calibration =
      recipe.needsCalibration
      ? try CalibrationSet(
        recipe, checkpointFolder: checkpoint.folder, configuration: loader.configuration,
        tokenizer: tokenizer) : nil
    optimizer = LayerOptimizer(
      recipe: recipe, formats: try TensorFormats(recipe, loader.configuration),
      headSize: loader.configuration.headSize, compute: compute)
    self.compute = compute
    self.toolVersion = toolVersion
  }

  /// Converts and writes the pack at `path`, which appears when it is whole.
  package func run(
    output path: String, progress: ((ConversionProgress) -> Void)? = nil
  ) throws(OptimizationError) -> ConversionReport {
    let meter = ProgressMeter(plan, report: progress)
    let writer = try wrapping(OptimizationError.pack, try PackWriter(path: path, team: compute.team))
    var record = ConversionRecord(recipe: optimizer.recipe, configuration: loader.configuration)

    meter.begin(.embedding)
    let activations = try convertEmbedding(&record, writer, meter)
    for index in 0..<loader.configuration.layerCount {
      try convertLayer(index, activations, &record, writer, meter)
    }
    meter.begin(.head)
    let finalNorm = try wrapping(
      OptimizationError.model, try loader.finalNorm(of: loader.configuration))
    try wrapping(OptimizationError.model, try writer.add(norm: finalNorm, as: .finalNorm))
    if !loader.configuration.tiesEmbeddings { _ = try convert(.head, &record, writer, meter) }

    meter.begin(.sources)
    let contents = PackContents(
      rows: record.rows(optimizer.formats), recipe: record.recipe, configuration: record.configuration,
      tokenizer: tokenizer, checkpoint: loader.checkpoint, calibration: calibration, toolVersion: toolVersion)
    let members = try contents.members { meter.hashed(share: $0) }
    try wrapping(OptimizationError.pack, try writer.finish(members: members))
    return ConversionReport(
      rows: contents.rows, configuration: contents.configuration, packBytes: fileBytes(path))
  }

  /// The embedding, which is dropped once the calibration windows have been looked up in it.
  private func convertEmbedding(
    _ record: inout ConversionRecord, _ writer: PackWriter, _ meter: ProgressMeter
  ) throws(OptimizationError) -> CalibrationRun? {
    let embedding = try convert(.embedding, &record, writer, meter)
    return calibration.map {
      CalibrationRun($0, embedding: embedding, configuration: loader.configuration, compute: compute)
    }
  }

  /// One layer: load, measure, prune, quantize, write, and run the optimized layer for the sake of the next.
  private func convertLayer(
    _ index: Int, _ activations: CalibrationRun?, _ record: inout ConversionRecord, _ writer: PackWriter,
    _ meter: ProgressMeter
  ) throws(OptimizationError) {
    let layer = try wrapping(OptimizationError.model, try loader.layer(index))
    let outcome = try optimizer.optimize(layer, index: index, activations: activations)
    try wrapping(OptimizationError.model, try writer.add(outcome.weights, index: index))
    record.add(outcome, layer: index)
    if optimizer.needsActivations(after: index, layerCount: loader.configuration.layerCount) {
      activations?.advance(through: outcome.weights)
    }
    meter.finishLayer()
  }
}

extension Converter {
  /// Embedding or head: quantize and write; returns what was written.
  private func convert(
    _ name: TensorName, _ record: inout ConversionRecord, _ writer: PackWriter, _ meter: ProgressMeter
  ) throws(OptimizationError) -> WeightMatrix {
    let shape = name.shape(in: loader.configuration)
    let source = try wrapping(
      OptimizationError.model, try loader.matrix(name, rows: shape[0], columns: shape[1]))
    let (matrix, rounding) = try optimizer.quantized(source, as: name)
    try wrapping(OptimizationError.model, try writer.add(matrix, as: name))
    if let rounding { record.add(rounding) }
    meter.finishTable(name)
    return matrix
  }

  private func fileBytes(_ path: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? Int) ?? 0
  }
}
