import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel
import QuireTensors

/// What a conversion holds at its peak, part by part.
///
/// Counted are buffers of this program: what it reads of the checkpoint, it reads into them.
package struct MemoryEstimate: Sendable, Equatable {
  /// One reason to hold memory.
  package struct Part: Sendable, Equatable {
    package let what: String
    package let byteCount: Int
  }

  /// The parts that are held at the same time at the peak.
  package let parts: [Part]
  package var peakBytes: Int { parts.reduce(0) { $0 + $1.byteCount } }

  init(recipe: Recipe, stages: [ConversionPlan.Stage], threadCount: Int, survey: SurveyWork?) {
    let source = stages[0]
    let result = stages[stages.count - 1]
    var always = [Part(what: "packing", byteCount: Self.packingBytes(threadCount))]
    let readsStatistics = recipe.calibration.statistics != nil
    if recipe.needsCalibration, !readsStatistics {
      always.append(
        Part(
          what: "calibration activations",
          byteCount: CalibrationRun.byteCount(
            recipe.calibration, source.configuration, withReference: recipe.needsReference)))
    }
    let table = Self.largestTable(source, result)
    var layer = [
      Part(what: "two layers of the checkpoint", byteCount: 4 * Self.layerParameters(source)),
      Part(what: "one optimized layer", byteCount: Self.largestLayer(result)),
    ]
    if recipe.steps.contains(where: { $0.name == "smooth" }) {
      layer.append(Part(what: "one smoothed layer", byteCount: 4 * Self.layerParameters(source)))
    }
    if let survey, survey.probeCount > 0 {
      always.append(
        Part(
          what: "trials on the whole model",
          byteCount: ProbeRun.byteCount(
            tokens: survey.probeTokens, recipe.calibration, source.configuration)))
    }
    let statistics = recipe.steps.map { Self.statisticsBytes($0, source.configuration, threadCount) }
    layer.append(Part(what: "statistics of one matrix", byteCount: statistics.max() ?? 0))
    if survey != nil, !readsStatistics {
      layer.append(
        Part(what: "statistics of a surveyed layer", byteCount: Self.surveyBytes(source.configuration)))
    }
    if recipe.needsCalibration, readsStatistics {
      layer.append(
        Part(
          what: "statistics as they are read", byteCount: StatisticsLayout(source.configuration).largestBytes)
      )
    }
    let atTable = always + [Part(what: "embedding or head", byteCount: table)]
    let atLayer = always + layer
    let isTableHigher =
      atTable.reduce(0) { $0 + $1.byteCount } > atLayer.reduce(0) { $0 + $1.byteCount }
    parts = isTableHigher ? atTable : atLayer
  }

  /// Each compressing thread holds a frame of 4 MiB before and after.
  private static func packingBytes(_ threadCount: Int) -> Int { (threadCount + 1) * 3 * (4 << 20) }

  /// Embedding or head as it is read, and beside it as it will be unless that is the same.
  private static func largestTable(_ source: ConversionPlan.Stage, _ result: ConversionPlan.Stage) -> Int {
    zip(source.tensors, result.tensors).filter { $1.name == .embedding || $1.name == .head }.map {
      before, after in
      before.byteCount + (after.format.scheme == .bf16 ? 0 : after.byteCount)
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

  /// What a step holds while it works on one layer.
  private static func statisticsBytes(
    _ step: RecipeStep, _ configuration: ModelConfiguration, _ threadCount: Int
  ) -> Int {
    switch step {
    case .pruneHeads(let settings):
      max(
        pruningBytes(configuration),
        settings.repairs ? perceptronBytes(configuration, threadCount) : 0)
    case .pruneNeurons(let settings): neuronBytes(configuration, repairs: settings.repairs)
    case .smooth: smoothingBytes(configuration)
    case .quantize, .budget:
      step.quantization?.needsCalibration == true ? factorBytes(configuration, threadCount) : 0
    }
  }

  /// For the widest input: the Gram matrix in float32; the factor in float64, a quarter of it once more while it is
  /// inverted, and in float32; a band of rows three times and its codes for every thread.
  private static func factorBytes(_ configuration: ModelConfiguration, _ threadCount: Int) -> Int {
    let width =
      configuration.layers.map { shape in
        ActivationSite.allCases.map { $0.width(in: shape, configuration) }.max() ?? 0
      }.max() ?? 0
    return width * width * (4 + 8 + 2 + 4) + threadCount * GPTQQuantizer.bandBytes(columns: width)
  }

  /// The Gram matrices of the MLP's two sites, and of every thread a few bands of rows.
  private static func smoothingBytes(_ configuration: ModelConfiguration) -> Int {
    let (hidden, intermediate) = (configuration.hiddenSize, configuration.maximumIntermediateSize)
    return 4 * (hidden * hidden + intermediate * intermediate)
      + 4 * 4 * RoundingTrial.sampledRows * max(intermediate, 2 * hidden)
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

  /// The down projection is refitted after a cut of heads too.
  private static func perceptronBytes(_ configuration: ModelConfiguration, _ threadCount: Int) -> Int {
    StreamRefit.byteCount(
      rows: configuration.hiddenSize, columns: configuration.maximumIntermediateSize, threadCount: threadCount
    )
  }

  /// As for heads, by the MLP's width; the gate and up projections that lose rows; for the repair, the reference's cross
  /// moments, what is lacking, and the statistics of what is left with their factor.
  private static func neuronBytes(_ configuration: ModelConfiguration, repairs: Bool) -> Int {
    let width = configuration.maximumIntermediateSize
    let projection = width * configuration.hiddenSize
    return width * width * (4 + 3 * 8) + projection * (4 + 4 + 2 * 8 + 2 * 2)
      + (repairs ? width * width * 4 + 2 * projection * 4 : 0)
  }

  /// The Gram matrix, and that of what is kept; its damped copy and inverse, twice while a part is gathered; the output projection in
  /// float32 before and after, with cross moments and what is lacking, and in float64; the projections that lose rows.
  private static func pruningBytes(_ configuration: ModelConfiguration) -> Int {
    let width = configuration.maximumQueryHeadCount * configuration.headSize
    let keyValueWidth = configuration.maximumKeyValueHeadCount * configuration.headSize
    let projection = width * configuration.hiddenSize
    return width * width * (2 * 4 + 3 * 8) + projection * (4 + 4 + 2 * 4 + 2 * 8)
      + 2 * configuration.hiddenSize * (width + 2 * keyValueWidth)
  }
}
