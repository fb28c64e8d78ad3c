extension Sampler {
  /// The distribution that the last call of `next` drew `token` from: ascending ids with probabilities that sum to 1,
  /// none of them 0. With a temperature of 0 the token has probability 1. Call it before the workspace is used again.
  package func lastDistribution(
    of token: Int32, workspace: SamplerWorkspace
  ) -> [(id: Int32, probability: Double)] {
    guard parameters.temperature > 0 else { return [(id: token, probability: 1)] }
    return Self.normalized(workspace).filter { $0.probability > 0 }
  }

  /// The candidates of a workspace after all filters.
  static func normalized(_ workspace: SamplerWorkspace) -> [(id: Int32, probability: Double)] {
    let weights = (0..<workspace.candidateCount).map { Double(workspace.weights[$0]) }
    let total = weights.reduce(0, +)
    return weights.enumerated().map { (id: workspace.ids[$0], probability: $1 / total) }
  }
}
