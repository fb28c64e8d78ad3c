package import QuireConversion
import QuireTensors

/// Evaluates models: what each step of a recipe, or each pack, saves and what it costs.
///
///     let evaluator = try Evaluator(model: "Qwen3-8B", recipes: [recipe])
///     let report = try evaluator.run { progress in … }
///     print(report.table())
///
/// Rows, in this order: the reference, which is the checkpoint run in float32 throughout; the other models; then, for
/// each recipe, the model after its first step, after its first two steps and so on, each converted to a pack, loaded and
/// run as users run packs; last the servers.
package struct Evaluator: Sendable {
  package let models: [String]
  package let recipes: [Recipe]
  package let reference: String?
  package let options: EvaluationOptions

  /// - Parameters:
  ///   - models: checkpoints' folders and packs; at least one.
  ///   - recipes: their steps become rows; they need a checkpoint, given as a model or as the reference.
  ///   - reference: the checkpoint to compare with; nil: the first checkpoint among the models.
  ///
  /// Throws for options that are out of range or contradict each other.
  package init(
    models: [String], recipes: [Recipe] = [], reference: String? = nil,
    options: EvaluationOptions = EvaluationOptions()
  ) throws(EvaluationError) {
    precondition(!models.isEmpty, "a model to evaluate")
    try options.validate()
    self.models = models
    self.recipes = recipes
    self.reference = reference
    self.options = options
  }

  /// One model.
  package init(
    model: String, recipes: [Recipe] = [], reference: String? = nil,
    options: EvaluationOptions = EvaluationOptions()
  ) throws(EvaluationError) {
    try self.init(models: [model], recipes: recipes, reference: reference, options: options)
  }

  /// Measure every row.
  ///
  /// - Parameters:
  ///   - onProgress: called often, on the calling thread.
  ///   - onRow: called with each row as soon as it is complete.
  ///   - onKept: called at the end with the number of results that earlier runs had kept, if there are any.
  ///   - onStart: called once, before any model is loaded, with the names that the report's tasks will have.
  package func run(
    onProgress: (EvaluationProgress) -> Void = { _ in }, onRow: (EvaluationRow) -> Void = { _ in },
    onKept: (Int) -> Void = { _ in },
    onStart: (EvaluationMethod, _ tasks: [String], PlannedModels) throws(EvaluationError) -> Void = {
      _, _, _ in
    }
  ) throws(EvaluationError) -> EvaluationReport {
    let plan = try checkedPlan()
    let material = try EvaluationMaterial(plan: plan, options: options)
    let servers = try ServerModel.open(options.servers, material)
    let planned = PlannedModels(
      judgedCount: plan.rows.count { $0.identity != .reference } + servers.count,
      serverCount: servers.count, hasReference: plan.reference != nil)
    try onStart(material.method, material.taskNames, planned)
    var run = try EvaluationRun(models: models, plan: plan, servers: servers, material, options)
    try run.measureRows(onProgress, onRow)
    try run.measureServers(onProgress, onRow)
    if options.measuresSensitivity { try run.measureSensitivity(onProgress) }
    if run.store.usedCount > 0 { onKept(run.store.usedCount) }
    return run.report
  }

  /// The rows to measure. Throws where the options ask for what none of them has.
  private func checkedPlan() throws(EvaluationError) -> RowPlan {
    let plan = try RowPlan.plan(
      models: models, recipes: recipes, reference: reference, adapters: options.adapters,
      cacheTypes: options.cacheTypes)
    guard plan.reference != nil || !options.measuresSensitivity else {
      throw .invalidOption(
        name: "measuresSensitivity",
        sentence: "expected a checkpoint to measure the sensitivity of, found only packs; give the "
          + "checkpoint as the reference")
    }
    guard options.cacheTypes == [.float16] || plan.rows.contains(where: { $0.identity != .reference }) else {
      throw .invalidOption(
        name: "cacheTypes",
        sentence:
          "expected a pack or a recipe for the types of the cache, found only the reference, whose cache is "
          + "float32; give one or leave the types out")
    }
    return plan
  }
}
