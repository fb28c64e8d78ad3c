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
  /// What overrides decide.
  private let overrides: [TensorName: WeightFormat]
  private let assignments: [TensorName: WeightFormat]

  /// Throws when an override is no pattern or matches no matrix of the model.
  package init(_ settings: QuantizationSettings, _ configuration: ModelConfiguration)
    throws(OptimizationError)
  {
    self.settings = settings
    assignments = Dictionary(settings.assignments.map { ($0.tensor, $0.format) }) { first, _ in first }
    var overrides: [TensorName: WeightFormat] = [:]
    let names = configuration.tensorNames.filter { !$0.isNorm }
    for override in settings.overrides {
      let matched: [TensorName]
      do throws(NamePatternError) {
        let matcher = try NameMatcher(override.pattern)
        matched = names.filter { name in
          Self.spellings(name, configuration.tiesEmbeddings).contains { matcher.occurs(in: $0) }
        }
      } catch {
        throw .pattern(override.pattern, error)
      }
      guard !matched.isEmpty else { throw .unmatchedOverride(pattern: override.pattern) }
      for name in matched where overrides[name] == nil { overrides[name] = override.target }
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
  package func override(of name: TensorName) -> WeightFormat? { overrides[name] }

  /// The names a matrix goes by: the one matrix of tied embeddings answers to both.
  private static func spellings(_ name: TensorName, _ tiesEmbeddings: Bool) -> [String] {
    name == .embedding && tiesEmbeddings
      ? [TensorName.embedding.string, TensorName.head.string] : [name.string]
  }
}
