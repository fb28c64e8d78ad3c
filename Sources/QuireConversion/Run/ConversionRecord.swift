import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel
import QuireTensors

/// What the steps did to one part of the model: a layer, the embedding or lm_head. The journal of an unfinished
/// pack keeps it for the run that resumes.
struct PartRecord: Codable, Equatable {
  /// By the index of the `prune-heads` step.
  var pruning: [Int: HeadPruningResult] = [:]
  /// By the index of any other step before `quantize`.
  var changes: [Int: LayerChange] = [:]
  var rounding: [RoundingRecord] = []
  /// Notices about any step, by its index; a sentence each.
  var notes: [Int: [String]] = [:]
}

/// Collects what a conversion did layer by layer and reports it step by step.
struct ConversionRecord {
  let recipe: Recipe
  /// The model before any step.
  private let checkpoint: ConversionPlan.Stage
  private let float32: Float32Tensors
  private var pruning: [Int: [Int: HeadPruningResult]] = [:]  // step index, layer
  private var changes: [Int: [Int: LayerChange]] = [:]  // step index, layer
  private var rounding: [TensorName: RoundingRecord] = [:]
  private var notes: [Int: [Int: [String]]] = [:]  // step index, layer

  /// - Parameter float32: what takes four bytes a value at the start
  init(recipe: Recipe, checkpoint: ConversionPlan.Stage, float32: Float32Tensors) {
    self.recipe = recipe
    self.checkpoint = checkpoint
    self.float32 = float32
  }

  /// - Parameter layer: nil for embedding and lm_head.
  mutating func add(_ part: PartRecord, layer: Int?) {
    if let layer {
      for (step, result) in part.pruning { pruning[step, default: [:]][layer] = result }
      for (step, change) in part.changes { changes[step, default: [:]][layer] = change }
      for (step, sentences) in part.notes { notes[step, default: [:]][layer] = sentences }
    }
    for record in part.rounding { rounding[record.tensor] = record }
  }

  /// The configuration as it is after all steps.
  var configuration: ModelConfiguration {
    recipe.steps.indices.reduce(checkpoint.configuration) { configurationAfter(step: $1, before: $0) }
  }

  /// One row for the checkpoint and one for each step, with the resulting shapes.
  ///
  /// - Parameter remarks: notices for the first step that needs activations
  func rows(_ formats: TensorFormats?, remarks: [String] = []) -> [ConversionReport.Row] {
    var configuration = checkpoint.configuration
    var float32 = float32
    var rows = [row(checkpoint)]
    let first = recipe.steps.firstIndex { $0.needsCalibration }
    for (index, step) in recipe.steps.enumerated() {
      float32 = float32.after(step, configuration, formats)
      configuration = configurationAfter(step: index, before: configuration)
      let isQuantized = step.quantization != nil
      let records = isQuantized ? configuration.tensorNames.compactMap { rounding[$0] } : []
      let stage = ConversionPlan.Stage(step: step.name, configuration: configuration, float32: float32) {
        isQuantized ? formats?.format(of: $0) ?? .bf16 : .bf16
      }
      rows.append(
        row(
          stage,
          pruning: pruning[index] ?? [:], changes: changes[index] ?? [:], rounding: records,
          repairShare: step.settings.repairShare, decision: step.settings.decision,
          remarks: (index == first ? remarks : [])
            + (notes[index] ?? [:]).sorted { $0.key < $1.key }.flatMap(\.value)))
    }
    return rows
  }

  private func configurationAfter(step: Int, before: ModelConfiguration) -> ModelConfiguration {
    if let rotation = recipe.steps[step].settings as? RotationSettings {
      return rotation.configuration(after: before)
    }
    let (heads, others) = (pruning[step] ?? [:], changes[step] ?? [:])
    guard !heads.isEmpty || !others.isEmpty else { return before }
    return before.replacingLayers(
      before.layers.enumerated().map {
        heads[$0.offset]?.shape ?? others[$0.offset]?.shape ?? $0.element
      })
  }

  private func row(
    _ stage: ConversionPlan.Stage,
    pruning: [Int: HeadPruningResult] = [:], changes: [Int: LayerChange] = [:],
    rounding: [RoundingRecord] = [], repairShare: Double? = nil, decision: BudgetDecision? = nil,
    remarks: [String] = []
  ) -> ConversionReport.Row {
    ConversionReport.Row(
      step: stage.step, parameterCount: stage.parameterCount, byteCount: stage.byteCount,
      bitsPerWeight: stage.bitsPerWeight, pruning: pruning, changes: changes, rounding: rounding,
      repairShare: repairShare, decision: decision, remarks: remarks)
  }
}
