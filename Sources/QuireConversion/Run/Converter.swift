import QuireCalibration
import QuireOptimization
import QuireFiles
package import QuireCheckpoints
import QuireModel
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

  let loader: LayerLoader
  let tokenizer: Tokenizer
  /// The text to run; nil when no step looks at activations or what is known of them comes from a file.
  let calibration: CalibrationSet?
  let statistics: StatisticsFile?
  let optimizer: LayerOptimizer
  let compute: Compute
  let toolVersion: String

  package init(
    _ checkpoint: Checkpoint, recipe: Recipe, compute: Compute, toolVersion: String
  ) throws(ConversionError) {
    loader = try wrapping(ConversionError.model, try LayerLoader(checkpoint, hashes: TensorHashes()))
    tokenizer = try wrapping(ConversionError.text, try Tokenizer(folder: checkpoint.folder))
    plan = try ConversionPlan(
      recipe: recipe, configuration: loader.configuration, threadCount: compute.team.threadCount)
    statistics = try recipe.statisticsFile(for: loader)
    calibration =
      recipe.needsCalibration && statistics == nil
      ? try recipe.calibrationSet(loader, tokenizer) : nil
    optimizer = LayerOptimizer(
      recipe: recipe, formats: try TensorFormats(recipe, loader.configuration),
      headSize: loader.configuration.headSize, compute: compute)
    self.compute = compute
    self.toolVersion = toolVersion
  }

  /// What is known of a layer's activations without running the text.
  func knownStatistics(layer: Int) -> (any ActivationStatistics)? { statistics?.layer(layer) }

  /// Converts and writes the pack at `path`, which appears when it is whole.
  ///
  /// A run that is killed, or fails for want of room or by an unreadable file, leaves `path` with `.partial` and its
  /// journal behind; the next run of the same conversion goes on behind the last layer that was finished. A survey that
  /// came before is kept for it too. Nothing is left behind that no later run could use.
  ///
  /// - Parameters:
  ///   - resumes: whether to leave and to look for such a rest.
  ///   - onStart: called once, before any work.
  package func run(
    output path: String, resumes: Bool = true, progress: ((ConversionProgress) -> Void)? = nil,
    onStart: (ConversionStart) -> Void = { _ in }
  ) throws(ConversionError) -> ConversionReport {
    guard isSettled else {
      return try settled(by: try survey(forPack: path, resumes: resumes)).run(
        output: path, resumes: resumes, progress: progress, onStart: onStart)
    }
    let run = try ConversionRun(self, output: path, resumes: resumes, progress: progress)
    onStart(run.start)
    return try run.perform()
  }
}

extension Recipe {
  /// The file that stands in for the calibration text, if steps look at activations and there is one.
  func statisticsFile(for loader: LayerLoader) throws(ConversionError) -> StatisticsFile? {
    guard needsCalibration, let path = calibration.statistics else { return nil }
    do throws(CalibrationError) {
      let file = try StatisticsFile(path: CalibrationSettings.resolve(path, relativeTo: folder))
      try file.check(belongsTo: loader)
      return file
    } catch {
      throw .calibration(error)
    }
  }

  /// The recipe's calibration text in tokens, cut into windows.
  func calibrationSet(
    _ loader: LayerLoader, _ tokenizer: Tokenizer
  ) throws(ConversionError) -> CalibrationSet {
    try wrapping(
      ConversionError.calibration,
      try CalibrationSet(
        calibration, relativeTo: folder, checkpointFolder: loader.checkpoint.folder,
        configuration: loader.configuration, tokenizer: tokenizer))
  }
}
