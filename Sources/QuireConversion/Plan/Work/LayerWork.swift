import QuireCalibration
import QuireModel
import QuireOptimization
import QuireTensors

/// Counts the work of converting one layer. Each step adds its own work and changes the layer, as it does with the
/// weights.
struct LayerWork {
  let configuration: ModelConfiguration
  let recipe: Recipe
  let index: Int
  let text: TextWork
  let threadCount: Int
  /// The formats that the recipe rounds to; nil where it does not round.
  let targets: TensorFormats?
  /// Whether the text also runs through the layer as the checkpoint has it.
  let hasReference: Bool
  /// The layer as the steps so far leave it.
  var shape: LayerShape
  /// The formats of its matrices; bf16 for floats.
  var formats: [LayerTensor: WeightFormat] = [:]
  /// The step that is being counted.
  var stepIndex = 0
  private(set) var work = Work()

  /// The halves of the layer that the text and the reference have passed.
  private var isPastAttention = false
  private var referenceIsPast: Set<LayerHalf> = []
  private let source: LayerShape

  init(
    _ index: Int, recipe: Recipe, configuration: ModelConfiguration, text: TextWork,
    targets: TensorFormats?, threadCount: Int
  ) {
    self.index = index
    self.recipe = recipe
    self.configuration = configuration
    self.text = text
    self.targets = targets
    hasReference = recipe.needsReference
    self.threadCount = threadCount
    shape = configuration.layers[index]
    source = shape
  }

  mutating func add(_ kind: WorkKind, width: Int = 1, format: WeightFormat = .bf16, _ amount: Double) {
    work.add(kind, width: width, format: format, amount)
  }

  /// The format that the recipe rounds a matrix to.
  func target(of tensor: LayerTensor) -> WeightFormat {
    targets?.format(of: .layer(index, tensor)) ?? .bf16
  }

  /// Whether a step after this one repairs the layer too.
  var isRepairedLater: Bool {
    recipe.steps.dropFirst(stepIndex + 1).contains { $0.repairs(layer: index) }
  }

  /// All steps, and the text through the layer that they leave.
  mutating func addSteps(advancing: Bool, withReference: Bool) {
    for (index, step) in recipe.steps.enumerated() {
      stepIndex = index
      step.settings.addWork(to: &self)
    }
    if withReference { advanceReference(.mlp) }
    if advancing { advance() }
  }

  func width(_ site: ActivationSite) -> Int { site.width(in: shape, configuration) }

  func rows(_ tensor: LayerTensor) -> Int { Self.matrix(tensor, shape, configuration).rows }

  private static func matrix(
    _ tensor: LayerTensor, _ shape: LayerShape, _ configuration: ModelConfiguration
  ) -> (rows: Int, columns: Int) {
    let sizes = tensor.shape(in: configuration.replacingLayers([shape]), layer: 0)
    return (sizes[0], sizes[1])
  }

  /// Weights of all matrices.
  var weightCount: Double {
    LayerTensor.projections.reduce(0) {
      let matrix = Self.matrix($1, shape, configuration)
      return $0 + Double(matrix.rows * matrix.columns)
    }
  }

  /// Rows that count when a team works on bands of `bandRows`: those of the thread with the most, for every thread.
  func balanced(_ rows: Int, bandRows: Int) -> Double {
    let bands = (rows + bandRows - 1) / bandRows
    guard bands % threadCount != 0 else { return Double(rows) }
    return Double((bands + threadCount - 1) / threadCount * threadCount * bandRows)
  }
}

// The text through the layer.
extension LayerWork {
  private static let attention: [LayerTensor] = [.queryProjection, .keyProjection, .valueProjection]

  /// The matrices that run before the activations at `site` are known.
  private static func matrices(before site: ActivationSite) -> [LayerTensor] {
    switch site {
    case .attentionInput, .mlpInput: []
    case .attentionOutput: attention
    case .mlpOutput: [.gateProjection, .upProjection]
    }
  }

  private static func matrices(of half: LayerHalf) -> [LayerTensor] {
    half == .attention
      ? attention + [.outputProjection] : [.gateProjection, .upProjection, .downProjection]
  }

  /// Runs the text up to a site; its hidden states are unchanged.
  mutating func observe(_ site: ActivationSite) {
    var matrices = Self.matrices(before: site)
    if site.half == .mlp, !isPastAttention { matrices += Self.matrices(of: .attention) }
    run(matrices, shape, formats)
    addStates(1)
  }

  /// Runs the reference up to a site.
  mutating func observeReference(_ site: ActivationSite) {
    guard hasReference else { return }
    if site.half == .mlp { advanceReference(.attention) }
    run(Self.matrices(before: site), source, [:])
    addStates(1)
  }

  /// Runs the text through one half of the layer, or through what is left of it.
  mutating func advance(_ half: LayerHalf? = nil) {
    for next in [LayerHalf.attention, .mlp] where half == nil || half == next {
      if next == .attention, isPastAttention { continue }
      run(Self.matrices(of: next), shape, formats)
    }
    if half == .attention { isPastAttention = true }
    addStates(2)
  }

  /// Runs the reference through one half of the layer, once.
  mutating func advanceReference(_ half: LayerHalf) {
    guard hasReference, referenceIsPast.insert(half).inserted else { return }
    if half == .mlp { advanceReference(.attention) }
    run(Self.matrices(of: half), source, [:])
    addStates(2)
  }

  mutating func addGram(_ site: ActivationSite) {
    let width = width(site)
    add(.gram, width: width, text.tokens * GramMatrix.multiplyAddsPerRow(order: width))
  }

  /// The products of all rows of `targets` numbers with the inputs at a site.
  mutating func addCross(targets: Int, _ site: ActivationSite) {
    add(
      .cross, width: width(site),
      text.tokens * balanced(targets, bandRows: StreamMoments.crossBandRows) * Double(width(site)))
  }

  /// Saves the hidden states after the layer.
  mutating func seal(withReference: Bool) {
    add(.syncing, (withReference ? 2 : 1) * stateBytes)
  }

  private var stateBytes: Double { 4 * text.tokens * Double(configuration.hiddenSize) }

  private mutating func addStates(_ times: Double) { add(.states, times * stateBytes) }

  private mutating func run(
    _ matrices: [LayerTensor], _ shape: LayerShape, _ formats: [LayerTensor: WeightFormat]
  ) {
    for tensor in matrices {
      let (rows, columns) = Self.matrix(tensor, shape, configuration)
      add(
        .pass, width: configuration.hiddenSize, format: formats[tensor] ?? .bf16,
        text.tokens * Double(rows * columns))
    }
    guard matrices.contains(.queryProjection) else { return }
    let width = shape.queryHeadCount * configuration.headSize
    add(.attention, width: configuration.hiddenSize, 2 * text.pairs * Double(width))
  }
}

// Pruning and rounding.
extension LayerWork {
  /// The moments at the input of a half's last matrix.
  mutating func addMoments(_ site: ActivationSite) {
    advanceReference(site.half)
    observe(site)
    addGram(site)
    if hasReference { addCross(targets: configuration.hiddenSize, site) }
  }

  mutating func addPruning(_ site: ActivationSite) { add(.pruning, width: width(site), leastSquares(site)) }

  mutating func addRefit(_ site: ActivationSite) { add(.refit, width: width(site), leastSquares(site)) }

  /// The cube of the inputs, and the outputs times their square.
  private func leastSquares(_ site: ActivationSite) -> Double {
    let width = Double(width(site))
    return width * width * (width + Double(configuration.hiddenSize))
  }

  /// Trials of rounding some rows of a site's matrices: `count` of them, and products for one more.
  mutating func addTrials(
    _ count: Double, _ matrices: [(tensor: LayerTensor, format: WeightFormat)], at site: ActivationSite
  ) {
    let columns = Double(width(site))
    let sampled = matrices.map { min(rows($0.tensor), RoundingTrial.sampledRows) }
    let all = sampled.reduce(0, +)
    // All matrices' bands are shared by the team together.
    let factor = balanced(all, bandRows: RoundingTrial.bandRows) / Double(max(1, all))
    for (matrix, rows) in zip(matrices, sampled) {
      let weights = factor * Double(rows) * columns
      add(.trials, width: width(site), format: matrix.format, count * weights)
      add(.products, width: width(site), (count + 1) * weights * columns)
    }
  }

  /// Statistics of a site's inputs for the matrices that are rounded with them.
  mutating func addFactor(_ site: ActivationSite, _ settings: QuantizationSettings) {
    guard settings.method == .gptq else { return }
    let width = Double(width(site))
    add(.factor, width: self.width(site), width * width * width)
  }

  /// One matrix rounded to `format`.
  mutating func addRounding(
    _ tensor: LayerTensor, _ format: WeightFormat, _ settings: QuantizationSettings, isAimed: Bool
  ) {
    let (rows, columns) = Self.matrix(tensor, shape, configuration)
    guard settings.method == .gptq else {
      let weights = balanced(rows, bandRows: NearestQuantizer.bandRows) * Double(columns)
      return add(.rounding, width: columns, format: format, weights)
    }
    let weights = balanced(rows, bandRows: GPTQQuantizer.bandRows) * Double(columns)
    add(.codes, width: columns, format: format, weights)
    add(
      .products, width: columns,
      weights * Double(columns)
        * GPTQQuantizer.productsPerWeight(refitRounds: settings.refitRounds, isAimed: isAimed))
  }
}
