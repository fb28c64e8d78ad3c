import QuireCalibration
import QuireOptimization
import QuireFiles
package import QuireCheckpoints
import QuireModel
package import QuirePacks
package import QuireTensors
package import QuireText

/// Makes a pack from a checkpoint and a recipe, one layer at a time.
///
///     let converter = try Converter(checkpoint, recipe: recipe, compute: compute, toolVersion: "0.1")
///     print(converter.plan.text)
///     let report = try converter.run(output: "model.quire") { print($0.layersDone, "of", $0.layerCount) }
///
/// Creation checks everything that can be checked without reading weights. The same checkpoint, recipe and version
/// give the same bytes on the same machine, whatever the thread count.
package struct Converter {
  package private(set) var plan: ConversionPlan

  let loader: LayerLoader
  /// The checkpoint's quantized matrices; nil where it has none.
  let source: QuantizedSource?
  /// What takes four bytes a value before any step.
  let float32: Float32Tensors
  package let tokenizer: Tokenizer
  /// Nil when the checkpoint's template decides.
  let askedChatFormat: ChatFormatOverride?
  /// The calibration text; nil when no step needs activations or their statistics come from a file.
  let calibration: CalibrationSet?
  let statistics: StatisticsFile?
  let optimizer: LayerOptimizer
  let compute: Compute
  let toolVersion: String

  /// - Parameter chatFormat: the format to render chats in; nil: that of the checkpoint's template.
  package init(
    _ checkpoint: Checkpoint, recipe: Recipe, compute: Compute, toolVersion: String,
    chatFormat: ChatFormatOverride? = nil
  ) throws(ConversionError) {
    loader = try wrapping(
      ConversionError.model,
      try LayerLoader(checkpoint, hashes: TensorHashes(), keepsGrids: recipe.steps.isEmpty))
    tokenizer = try wrapping(
      ConversionError.text, try checkpoint.tokenizer(chatFormat: chatFormat))
    askedChatFormat = chatFormat
    // A recipe that does not fit the model is refused before its text is read.
    _ = try ConversionPlan(
      recipe: recipe, configuration: loader.configuration, threadCount: compute.team.threadCount)
    let keepsGrids = loader.keepsGrids
    source = try wrapping(ConversionError.model, try QuantizedSource(checkpoint, keepsGrids: keepsGrids))
    float32 = try Float32Tensors(loader, source)
    let recipe = try recipe.counting(float32, loader.configuration)
    statistics = try recipe.statisticsFile(for: loader)
    calibration =
      recipe.needsCalibration && statistics == nil
      ? try recipe.calibrationSet(loader, tokenizer) : nil
    var sizes = SourceSizes(checkpoint)
    if float32.holdsMatrices { sizes.weightBytes = 4 }
    plan = try ConversionPlan(
      recipe: recipe, configuration: loader.configuration, threadCount: compute.team.threadCount,
      calibration: calibration, sources: sizes, source: source,
      float32: float32)
    let configuration = loader.configuration
    let rotated = recipe.rotatedConfiguration(configuration)
    let formats = try TensorFormats(recipe, rotated)
    optimizer = LayerOptimizer(
      recipe: recipe, formats: formats,
      rotation: recipe.rotation.map { ModelRotation($0, configuration, compute) },
      headSize: configuration.headSize,
      calibratesHead: recipe.calibratesHead(rotated, formats?.format(of: .head)),
      compute: compute)
    self.compute = compute
    self.toolVersion = toolVersion
  }

  /// The plan and the chat format as text.
  package var text: String { text(width: .max) }

  /// - Parameter width: in which tables must fit
  package func text(width: Int) -> String {
    let source = source.map { $0.sentence + "\n" } ?? ""
    let adapters = loader.checkpoint.adapters.map {
      "adapter: \($0.description.visibleLine), merged in float32 before the first step\n"
    }
    return
      "\(plan.text(width: width))\n\(source)\(adapters.joined())chat format: \(tokenizer.chatFormat.summary.visibleLine)"
  }

  /// The same with the speed of this machine in the plan, which takes up to three seconds to measure; what `other` has
  /// measured is taken from it.
  package func measured(asWith other: Converter? = nil) -> Converter {
    let probes = WorkProbes(
      recipe: optimizer.recipe, configuration: optimizer.recipe.rotatedConfiguration(loader.configuration),
      compute: compute, secondsPerByteRead: secondsPerByteRead,
      // The speed of a shared machine changes from second to second: twelve plans after another, measured for a second
      // each, had a standard deviation of 10%. A short conversion is not worth a long measurement.
      secondsMax: min(3, 0.1 * plan.time.seconds))
    var result = self
    result.plan.rates = probes.rates(of: plan.workItems, known: other?.plan.rates ?? plan.rates)
    // The plan's memory counts little of what the measurements have used.
    ProcessLimits.releaseFreedMemory()
    return result
  }

  /// The same with what a run found of an earlier one, so that the plan shows the time that is left.
  package func resuming(_ start: RunStart) -> Converter {
    var result = self
    result.plan = plan.resuming(start)
    return result
  }

  /// Of a matrix of the checkpoint, read for this; nil where that fails.
  private var secondsPerByteRead: Double? {
    let name = TensorName.layer(0, .keyProjection)
    let shape = name.shape(in: loader.configuration)
    let start = ContinuousClock.now
    guard let matrix = try? loader.matrix(name, rows: shape[0], columns: shape[1]) else { return nil }
    return (ContinuousClock.now - start) / .seconds(1) / Double(matrix.byteCount)
  }

  /// What is known about a layer's activations without running the text.
  func knownStatistics(layer: Int) -> (any ActivationStatistics)? { statistics?.layer(layer) }

  /// Converts, and writes the pack at `path`, where it appears once it is complete.
  ///
  /// A run that is killed, or fails because of a full disk or an unreadable file, leaves unfinished files next to
  /// `path` (`UnfinishedFiles`); the next run of the same conversion resumes after the last finished layer. A
  /// finished survey is kept for it too. Files that no later run could use are deleted.
  ///
  /// - Parameters:
  ///   - resumes: whether to keep such files and to look for them.
  ///   - parent: a whole pack; the new one holds only what differs from it.
  ///   - onStart: called once, before any work.
  package func run(
    output path: String, resumes: Bool = true, parent: PackReader? = nil,
    progress: ((ConversionProgress) -> Void)? = nil,
    onStart: (RunStart) -> Void = { _ in }
  ) throws(ConversionError) -> ConversionReport {
    var converter = self
    if !isSettled { converter = try settled(by: try survey(forPack: path, resumes: resumes)) }
    // After a survey every step must be decided.
    guard converter.isSettled else {
      throw .budget(
        "expected the survey to decide every step of \(converter.optimizer.recipe.name), found one that it could "
          + "not measure; give its counts or formats in the recipe")
    }
    let run = try ConversionRun(
      converter, output: path, resumes: resumes, parent: parent, progress: progress)
    onStart(run.start)
    return try run.perform()
  }
}

extension Recipe {
  /// The statistics file used instead of the calibration text, if steps need activations and there is one.
  func statisticsFile(for loader: LayerLoader) throws(ConversionError) -> StatisticsFile? {
    guard needsCalibration, let path = calibration.statistics else { return nil }
    guard rotation == nil else {
      throw .rotation(
        "expected no statistics from a file in a recipe with the step \"rotate\", found \(path), whose magnitudes are "
          + "those of the unrotated activations; let the recipe run its calibration text instead")
    }
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
