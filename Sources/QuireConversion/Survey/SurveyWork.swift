import QuireCalibration
import QuireCheckpoints
import QuireFiles
import QuireModel
import QuireOptimization
import QuireTensors

/// The work of a survey, for the plan and for its progress.
struct SurveyWork {
  /// The most copies of hidden states that run through the model for trials, in addition to those of the unchanged
  /// model.
  let probeCount: Int
  /// Tokens of each copy; 0 when nothing is tried on the whole model.
  let probeTokens: Int
  /// Tokens that run for the statistics; 0 when these are read from a file.
  var windowTokens: Int { Int(text.tokens) }

  private let steps: [RecipeStep]
  private let recipe: Recipe
  private let configuration: ModelConfiguration
  private let text: TextWork
  private let formats: TensorFormats?
  private let threadCount: Int
  private let budget: BudgetSettings?

  /// - Parameters:
  ///   - configuration: after a rotation
  ///   - set: the calibration text, when it is known
  init(
    _ steps: [RecipeStep], of recipe: Recipe, _ configuration: ModelConfiguration, _ set: CalibrationSet?,
    threadCount: Int
  ) {
    self.steps = steps
    self.recipe = recipe
    self.configuration = configuration
    self.threadCount = threadCount
    text = TextWork(recipe.calibration, set)
    formats = try? TensorFormats(recipe, configuration)
    budget = steps.lazy.compactMap { $0.settings as? BudgetSettings }.first
    let changes = configuration.layers.reduce(0) { $0 + Self.changeCount(steps, of: $1) }
    let tables = budget == nil ? 0 : 2  // embedding and lm_head
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
  func total(from first: Int = 0) -> Work {
    (first..<configuration.layerCount).reduce(into: first == 0 ? tables : head) { sum, layer in
      sum += statistics(layer)
      sum += smoothing(layer)
      for site in ActivationSite.allCases { sum += changes(at: site, layer) }
      sum += pass(layer) * Double(copies(through: layer))
      sum += pruning(layer)
      sum.add(.syncing, stateBytes(probeTokens) * Double(copies(through: layer)) + stateBytes(windowTokens))
    }
  }

  /// Bytes of the hidden states in files next to the pack: those of the text, and those of the copies before the last layer
  /// and after it.
  var diskBytes: Int { windowBytes + copyBytes }

  /// The same where as little is tried as possible: of a pruning step only near ties.
  var leastDiskBytes: Int {
    let areAllTried = steps.allSatisfy { step in
      step.settings is BudgetSettings
        || configuration.layers.allSatisfy { step.settings.trialCount(in: $0) == 0 }
    }
    return windowBytes + (areAllTried ? copyBytes : 0)
  }

  private var windowBytes: Int { 2 * Int(stateBytes(windowTokens)) }

  private var copyBytes: Int {
    let last = configuration.layerCount - 1
    let tokens = windowTokens > 0 ? min(probeTokens, windowTokens) : probeTokens
    return (copies(through: last) + copies(through: last - 1)) * Int(stateBytes(tokens))
  }

  private func stateBytes(_ tokens: Int) -> Double { 4 * Double(tokens * configuration.hiddenSize) }

  private func layer(_ index: Int, _ text: TextWork) -> LayerWork {
    LayerWork(
      index, recipe: recipe, configuration: configuration, text: text, targets: formats,
      threadCount: threadCount)
  }

  /// The part of the text that changes are tried on.
  private var probeText: TextWork {
    let known = text.tokens > 0 ? text : TextWork(sequenceLengths: [probeTokens])
    return known.share(Double(probeTokens) / max(1, known.tokens))
  }

  /// One copy of hidden states through a layer.
  func pass(_ index: Int) -> Work {
    var layer = layer(index, probeText)
    layer.advance()
    return layer.work
  }

  /// Running the windows through a layer, rotated where the recipe rotates, and the statistics of each site.
  func statistics(_ index: Int) -> Work {
    var layer = layer(index, text)
    recipe.rotation?.addWork(to: &layer)
    if index + 1 < configuration.layerCount { layer.advance() } else { layer.observe(.mlpOutput) }
    for site in ActivationSite.allCases { layer.addGram(site) }
    return layer.work
  }

  /// Trying scales on some rows of every matrix.
  func smoothing(_ index: Int) -> Work {
    guard budget != nil else { return Work() }
    var layer = layer(index, text)
    for step in recipe.steps {
      if case .smooth(let settings) = step { settings.addTrials(to: &layer) }
    }
    return layer.work
  }

  /// Rounding the matrices at a site in trials: the factor for GPTQ, the error of every choice, and the smallest.
  func changes(at site: ActivationSite, _ index: Int) -> Work {
    guard let budget, let formats else { return Work() }
    var layer = layer(index, text)
    layer.addFactor(site, budget.quantization)
    for tensor in site.readers {
      let choices = budget.choices(.layer(index, tensor), columns: layer.width(site), formats)
        .filter { $0.scheme != .bf16 }
      for choice in choices { layer.addTrials(1, [(tensor, choice)], at: site) }
      guard let smallest = choices.first else { continue }
      layer.addRounding(tensor, smallest, budget.quantization, isAimed: false)
    }
    return layer.work
  }

  /// Scoring the units that a step may remove.
  private func pruning(_ index: Int) -> Work {
    var layer = layer(index, text)
    for step in steps where step.settings.removesInputs {
      layer.addPruning(step.settings is HeadPruningSettings ? .attentionOutput : .mlpOutput)
    }
    return layer.work
  }

  /// Running lm_head for all copies.
  var head: Work {
    var work = Work()
    let weights = Double(configuration.vocabularySize * configuration.hiddenSize)
    work.add(
      .answers, width: configuration.hiddenSize, Double(probeTokens * (probeCount + 1)) * weights)
    return work
  }

  /// The same, with embedding and lm_head read, rotated and rounded to every choice.
  private var tables: Work {
    var work = head
    let names = configuration.tensorNames.filter { $0 == .embedding || $0 == .head }
    for name in names {
      let shape = name.shape(in: configuration)
      let weights = Double(shape[0] * shape[1])
      work.add(.reading, 2 * weights)
      if recipe.rotation != nil { work.add(.rotation, width: shape[1], weights) }
      guard let budget, let formats else { continue }
      for choice in budget.choices(name, columns: shape[1], formats) where choice.scheme != .bf16 {
        work.add(.rounding, width: shape[1], format: choice, weights)
      }
    }
    return work
  }

  /// Copies that run through a layer, including those of the unchanged model and of the layer's own changes.
  private func copies(through layer: Int) -> Int {
    guard probeCount > 0 else { return 0 }
    let changes = configuration.layers.prefix(max(0, layer + 1)).reduce(0) {
      $0 + Self.changeCount(steps, of: $1)
    }
    return changes + (budget == nil ? 1 : 2)
  }
}

/// Counts a survey's work and reports it: parts done, and their total. One thread at a time.
final class WorkMeter {
  private let report: (_ done: Int, _ total: Int) -> Void
  private let rates: WorkRates
  private let total: Double
  private var done = 0.0
  private static let parts = 1_000_000

  init(total: Work, _ rates: WorkRates, report: @escaping (_ done: Int, _ total: Int) -> Void) {
    self.rates = rates
    self.total = max(.leastNormalMagnitude, PlannedTime.total(total, rates))
    self.report = report
  }

  /// Some work has been done.
  func add(_ work: Work) { set(done + PlannedTime.total(work, rates)) }

  /// Sets the remaining work, which may be less than was expected.
  func set(left: Work) { set(total - PlannedTime.total(left, rates)) }

  private func set(_ amount: Double) {
    done = min(total, amount)
    report(Int(Double(Self.parts) * done / total), Self.parts)
  }
}
