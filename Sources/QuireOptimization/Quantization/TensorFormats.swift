import QuireCalibration
import QuireFiles
package import QuireModel
package import QuireTensors

/// Which format each tensor of a model gets from one `quantize` step.
///
/// The first override whose pattern occurs in the tensor's name decides. Without one, embedding and head get
/// int8 with a scale per channel even where the step says int4: they are 15% of an 8B model and the part
/// where four bits hurt most. Norms are vectors and stay as they are.
package struct TensorFormats {
  private let settings: QuantizationSettings
  private let overrides: [(pattern: Regex<AnyRegexOutput>, format: WeightFormat)]
  private let assignments: [TensorName: WeightFormat]
  private let tiesEmbeddings: Bool

  /// Throws when an override matches no matrix of the model.
  package init(_ settings: QuantizationSettings, _ configuration: ModelConfiguration)
    throws(OptimizationError)
  {
    self.settings = settings
    assignments = Dictionary(settings.assignments.map { ($0.tensor, $0.format) }) { first, _ in first }
    tiesEmbeddings = configuration.tiesEmbeddings
    var overrides: [(pattern: Regex<AnyRegexOutput>, format: WeightFormat)] = []
    let names = configuration.tensorNames.filter { !$0.isNorm }
    for override in settings.overrides {
      guard let pattern = try? Regex(override.pattern),
        names.contains(where: {
          Self.spellings($0, configuration.tiesEmbeddings).contains { $0.contains(pattern) }
        })
      else { throw .unmatchedOverride(pattern: override.pattern) }
      overrides.append((pattern, override.target))
    }
    self.overrides = overrides
  }

  /// The format of a tensor.
  package func format(of name: TensorName) -> WeightFormat {
    guard !name.isNorm else { return .bf16 }
    if let format = override(of: name) { return format }
    if let assigned = assignments[name] { return assigned }
    if name == .embedding || name == .head, settings.target.scheme == .int4 { return .int8() }
    return settings.target
  }

  /// The format that an override gives a tensor; nil when none matches.
  package func override(of name: TensorName) -> WeightFormat? {
    overrides.first { override in
      Self.spellings(name, tiesEmbeddings).contains { $0.contains(override.pattern) }
    }?.format
  }

  /// The names a matrix goes by: the one matrix of tied embeddings answers to both.
  private static func spellings(_ name: TensorName, _ tiesEmbeddings: Bool) -> [String] {
    name == .embedding && tiesEmbeddings
      ? [TensorName.embedding.string, TensorName.head.string] : [name.string]
  }
}
