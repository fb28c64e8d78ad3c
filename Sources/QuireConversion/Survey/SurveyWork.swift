import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel

/// The work of a survey in multiply-adds, for the plan and for its progress.
struct SurveyWork {
  /// The most copies of hidden states that run through the model for trials, in addition to those of the unchanged
  /// model.
  let probeCount: Int
  /// Tokens of each copy; 0 when nothing is tried on the whole model.
  let probeTokens: Int

  private let steps: [RecipeStep]
  private let configuration: ModelConfiguration
  /// Tokens that run for the statistics; 0 when these are read from a file.
  let windowTokens: Int
  private let smooths: Bool
  private let hasBudget: Bool
  /// Whether matrices are rounded by GPTQ.
  private let solves: Bool

  init(_ steps: [RecipeStep], of recipe: Recipe, _ configuration: ModelConfiguration) {
    self.steps = steps
    self.configuration = configuration
    windowTokens =
      recipe.calibration.statistics == nil
      ? recipe.calibration.windowCount * recipe.calibration.windowTokens : 0
    smooths = recipe.steps.contains { $0.settings.preparesRounding }
    hasBudget = steps.contains { $0.quantization != nil }
    solves = hasBudget && recipe.quantizationAhead?.method == .gptq
    let changes = configuration.layers.reduce(0) { $0 + Self.changeCount(steps, of: $1) }
    let tables = hasBudget ? 2 : 0  // embedding and lm_head
    probeCount = changes + tables
    probeTokens =
      probeCount == 0
      ? 0 : ProbeRun.tokenCount(probeCount: probeCount, recipe.calibration, configuration)
  }

  /// The most changes of one layer that will be tried.
  private static func changeCount(_ steps: [RecipeStep], of shape: LayerShape) -> Int {
    steps.reduce(0) { $0 + $1.settings.trialCount(in: shape) }
  }

  /// The layers from `first` on, and lm_head.
  func total(from first: Int = 0) -> Double {
    (first..<configuration.layerCount).reduce(head) { sum, layer in
      let changes = ActivationSite.allCases.reduce(0.0) { $0 + self.changes(at: $1, layer) }
      return sum + statistics(layer) + smoothing(layer) + changes + Double(probes(through: layer))
        * pass(layer)
    }
  }

  /// One copy of hidden states through a layer.
  func pass(_ layer: Int) -> Double { Double(probeTokens) * parameters(layer) }

  /// Running the windows through a layer, and the statistics of each site.
  func statistics(_ layer: Int) -> Double {
    let sites = ActivationSite.allCases.reduce(0.0) { $0 + width($1, layer) * width($1, layer) }
    return Double(windowTokens) * (parameters(layer) + sites / 2)
  }

  /// Trying scales on some rows of every matrix.
  func smoothing(_ layer: Int) -> Double {
    guard smooths, hasBudget else { return 0 }
    return ActivationSite.allCases.reduce(0.0) { sum, site in
      let rows = Double(RoundingTrial.sampledRows * site.readers.count)
      return sum + Double(SmoothingScales.gridCount) * rows * width(site, layer) * width(site, layer)
    }
  }

  /// Rounding the matrices at a site in trials: the factor for GPTQ, and the rounding itself.
  func changes(at site: ActivationSite, _ layer: Int) -> Double {
    guard solves else { return 0 }
    let width = width(site, layer)
    let rows = site.readers.reduce(0) { $0 + $1.shape(in: configuration, layer: layer)[0] }
    return width * width * (2 * width + 1.5 * Double(rows))
  }

  /// Running lm_head for all copies.
  var head: Double {
    Double(probeTokens * (probeCount + 1)) * Double(configuration.vocabularySize * configuration.hiddenSize)
  }

  /// Copies that run through a layer, including those of the unchanged model and of the layer's own changes.
  private func probes(through layer: Int) -> Int {
    guard probeCount > 0 else { return 0 }
    let changes = configuration.layers.prefix(layer + 1).reduce(0) { $0 + Self.changeCount(steps, of: $1) }
    return changes + (hasBudget ? 2 : 1)
  }

  private func width(_ site: ActivationSite, _ layer: Int) -> Double {
    Double(site.width(in: configuration.layers[layer], configuration))
  }

  private func parameters(_ layer: Int) -> Double {
    LayerTensor.projections.reduce(0.0) {
      $0 + Double($1.shape(in: configuration, layer: layer).reduce(1, *))
    }
  }
}

/// Counts a survey's work and reports it: parts done, and their total. One thread at a time.
final class WorkMeter {
  private let report: (_ done: Int, _ total: Int) -> Void
  private let total: Double
  private var done = 0.0
  private static let parts = 1_000_000

  init(total: Double, report: @escaping (_ done: Int, _ total: Int) -> Void) {
    self.total = max(1, total)
    self.report = report
  }

  func add(_ work: Double) { set(done + work) }

  /// Sets the remaining work, which may be less than was expected.
  func set(left: Double) { set(total - left) }

  private func set(_ amount: Double) {
    done = min(total, amount)
    report(Int(Double(Self.parts) * done / total), Self.parts)
  }
}
