import QuireModel
import QuireOptimization
import QuireTensors

extension BudgetSettings {
  /// The formats that meet the limit, for a model of the given shapes.
  func decide(
    _ sensitivities: [Sensitivity], _ configuration: ModelConfiguration
  ) throws(ConversionError) -> BudgetDecision {
    let sizes = try sizes(configuration)
    let open = Set(sensitivities.map(\.tensor))
    let others = sizes.open.filter { !open.contains($0.tensor) }
    let fixedBytes = others.reduce(sizes.fixedBytes) { $0 + $1.smallest.byteCount }
    let items = sensitivities.map { item($0, configuration) }
    let solver = BudgetSolver(items: items)
    guard let limit = limit.bytes(parameterCount: sizes.parameterCount) else {
      return try decide(solver)
    }
    guard let decision = solver.solve(byteLimit: limit - fixedBytes) else {
      throw .budget(sizes.refusal(of: self.limit))
    }
    return decision
  }

  private func decide(_ solver: BudgetSolver) throws(ConversionError) -> BudgetDecision {
    guard case .divergence(let limit) = limit else { preconditionFailure("the limit is one of divergence") }
    if let decision = solver.solve(divergenceLimit: limit) { return decision }
    let best = solver.items.reduce(0.0) { $0 + ($1.options.map(\.divergence).min() ?? 0) }
    throw .budget(
      "expected a KL divergence of at most \(limit), but the best of the choices are predicted to cost "
        + "\(ConversionPlan.scientific(best)); "
        + "raise \"kl\", or add a choice such as int8")
  }

  private func item(_ sensitivity: Sensitivity, _ configuration: ModelConfiguration)
    -> BudgetSolver.Item
  {
    let shape = sensitivity.tensor.shape(in: configuration)
    let name = sensitivity.tensor.string
    let fitting = sensitivity.options.filter {
      (try? $0.format.validate(columns: shape[1], name: name)) != nil
    }
    // A format that no longer fits after pruning is refused with a sentence when the settled plan is made.
    let options = (fitting.isEmpty ? sensitivity.options : fitting).map { option in
      BudgetDecision.Choice(
        tensor: sensitivity.tensor, format: option.format,
        byteCount: byteCount(sensitivity.tensor, option.format, shape), divergence: option.divergence)
    }
    return BudgetSolver.Item(options: options.sorted { $0.byteCount < $1.byteCount })
  }
}
