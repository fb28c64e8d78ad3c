import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel
import QuireTensors

/// Peak memory of a conversion, part by part: an upper bound of the process's resident memory.
///
/// It counts the program's buffers (including those that the checkpoint is read into), the program and its
/// libraries, the tokenizer and the manifest, and freed memory that the allocator keeps.
package struct MemoryEstimate: Sendable, Equatable {
  /// One use of memory.
  package struct Part: Sendable, Equatable {
    package let what: String
    package let byteCount: Int
  }

  /// The parts that are held at the same time at the peak.
  package let parts: [Part]
  package var peakBytes: Int { parts.reduce(0) { $0 + $1.byteCount } }

  /// - Parameter windows: the recipe's calibration, with at most as many windows as the text gives
  init(
    recipe: Recipe, windows: CalibrationSettings, calibration: CalibrationSet?,
    stages: [ConversionPlan.Stage], threadCount: Int, survey: SurveyWork?, sources: SourceSizes
  ) {
    let source = stages[0]
    let result = stages[stages.count - 1]
    var always = [Part(what: "packing", byteCount: Self.packingBytes(threadCount))]
    let readsStatistics = windows.statistics != nil
    if recipe.needsCalibration, !readsStatistics {
      always.append(
        Part(
          what: "calibration activations",
          byteCount: CalibrationRun.byteCount(
            windows, source.configuration, withReference: recipe.needsReference, set: calibration)))
    }
    if let survey, survey.probeCount > 0 {
      always.append(
        Part(
          what: "trials on the whole model",
          byteCount: ProbeRun.byteCount(tokens: survey.probeTokens, windows, source.configuration)))
    }
    always += [
      Part(
        what: "code and thread stacks",
        byteCount: ProcessMemory.programBytes(
          threadCount: threadCount, runsLayers: recipe.needsCalibration)),
      Part(what: "tokenizer and manifest", byteCount: sources.heldBytes),
    ]
    let layer = Self.layerParts(
      recipe, source, result, threadCount, sources, isSurveyed: survey != nil)
    let table = [
      Part(
        what: "embedding or lm_head",
        byteCount: Self.largestTable(
          source, result,
          isRotated: recipe.rotation?.rotatesHiddenStates(of: source.configuration) == true))
    ]
    let (atTable, atLayer) = (Self.sum(table), Self.sum(layer))
    let held = always + (atTable > atLayer ? table : layer)
    parts =
      held + [
        Part(
          what: "memory that the allocator keeps free for reuse",
          byteCount: ProcessMemory.reserveBytes(Self.sum(held)))
      ]
  }

  /// The estimate of a trial of repair, from that of the conversion that a trial repeats: the second half of the windows has a
  /// workspace and a pruned layer of its own.
  func ofTrial(
    _ windows: CalibrationSettings, _ calibration: CalibrationSet?, _ source: ConversionPlan.Stage,
    _ sources: SourceSizes
  ) -> MemoryEstimate {
    let run = CalibrationRun.byteCount(
      windows, source.configuration, withReference: true, set: calibration)
    let layer = sources.weightBytes * Self.layerParameters(source)
    return MemoryEstimate(
      parts: [Part(what: "the second half of a trial of repair", byteCount: run + layer)] + parts)
  }

  private init(parts: [Part]) { self.parts = parts }

  private static func sum(_ parts: [Part]) -> Int { parts.reduce(0) { $0 + $1.byteCount } }

  /// Memory held while one layer is processed.
  private static func layerParts(
    _ recipe: Recipe, _ source: ConversionPlan.Stage, _ result: ConversionPlan.Stage, _ threadCount: Int,
    _ sources: SourceSizes,
    isSurveyed: Bool
  ) -> [Part] {
    let readsStatistics = recipe.calibration.statistics != nil
    var layer = floatLayers(recipe, source, sources)
    layer.append(Part(what: "one optimized layer", byteCount: largestLayer(result)))
    let statistics = recipe.steps.map {
      $0.settings.memoryBytes(source.configuration, threadCount: threadCount)
    }
    layer.append(Part(what: "statistics of one matrix", byteCount: statistics.max() ?? 0))
    if isSurveyed, !readsStatistics {
      layer.append(
        Part(what: "statistics of a surveyed layer", byteCount: surveyBytes(source.configuration)))
    }
    if recipe.needsCalibration, readsStatistics {
      layer.append(
        Part(
          what: "statistics as they are read", byteCount: StatisticsLayout(source.configuration).largestBytes)
      )
    }
    return layer
  }

  /// The layer that is read ahead, and the present one as it was read, rotated and smoothed. Each form replaces the one
  /// before, but where a step prunes, the unpruned layer is kept to fit the others to.
  private static func floatLayers(
    _ recipe: Recipe, _ source: ConversionPlan.Stage, _ sources: SourceSizes
  ) -> [Part] {
    let stored = sources.weightBytes * layerParameters(source)
    let changed = 4 * layerParameters(source)
    let isRotated = recipe.rotation != nil
    let isSmoothed = recipe.steps.contains { $0.settings.preparesRounding }
    // While it is rotated, the layer as it was read is still there, but no statistics are.
    if !recipe.prunes, recipe.needsCalibration, isRotated || isSmoothed {
      return [
        Part(what: "one layer of the checkpoint", byteCount: stored),
        Part(what: "one \(isSmoothed ? "smoothed" : "rotated") layer", byteCount: changed),
      ]
    }
    var parts = [Part(what: "two layers of the checkpoint", byteCount: 2 * stored)]
    if isRotated { parts.append(Part(what: "one rotated layer", byteCount: changed)) }
    if isSmoothed { parts.append(Part(what: "one smoothed layer", byteCount: changed)) }
    return parts
  }

  /// Each compressing thread holds a frame of 4 MiB before and after compression.
  private static func packingBytes(_ threadCount: Int) -> Int { (threadCount + 1) * 3 * (4 << 20) }

  /// Embedding or lm_head as it is read or rotated, and next to it the rotated one, until the one that was read is
  /// released, or the result unless it is the same.
  private static func largestTable(
    _ source: ConversionPlan.Stage, _ result: ConversionPlan.Stage, isRotated: Bool
  ) -> Int {
    let read = source.tensors.first { $0.name == .embedding }?.readBytes ?? 0
    return result.tensors.filter { $0.name == .embedding || $0.name == .head }.map { table in
      read + max(isRotated ? read : 0, table.format.scheme == .bf16 ? 0 : table.byteCount)
    }.max() ?? 0
  }

  private static func layerParameters(_ stage: ConversionPlan.Stage) -> Int {
    var counts = [Int](repeating: 0, count: stage.configuration.layerCount)
    for tensor in stage.tensors {
      if case .layer(let index, _) = tensor.name { counts[index] += tensor.parameterCount }
    }
    return counts.max() ?? 0
  }

  private static func largestLayer(_ stage: ConversionPlan.Stage) -> Int {
    var bytes = [Int](repeating: 0, count: stage.configuration.layerCount)
    for tensor in stage.tensors {
      guard case .layer(let index, _) = tensor.name, tensor.format.scheme != .bf16 else { continue }
      bytes[index] += tensor.byteCount
    }
    return bytes.max() ?? 0
  }

  /// The Gram matrices of all four sites.
  private static func surveyBytes(_ configuration: ModelConfiguration) -> Int {
    configuration.layers.map { shape in
      ActivationSite.allCases.reduce(0) { sum, site in
        let width = site.width(in: shape, configuration)
        return sum + 4 * width * width
      }
    }.max() ?? 0
  }
}
