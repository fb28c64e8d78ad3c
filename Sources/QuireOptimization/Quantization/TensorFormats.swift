import QuireCalibration
import QuireFiles
package import QuireModel
package import QuireTensors

/// The format of each tensor of a model after one `quantize` step.
///
/// The first override whose pattern matches in the tensor's name decides. Without one, embedding and lm_head get
/// int8 with a scale per channel even where the step says three or four bits: they are 15% of an 8B model and the part where four
/// bits cost most accuracy. Norms are vectors and stay unchanged.
package struct TensorFormats {
  private let settings: QuantizationSettings
  /// The formats that overrides decide.
  private let overrides: [TensorName: WeightFormat]
  private let assignments: [TensorName: WeightFormat]

  /// Throws when an override is not a pattern or matches no matrix of the model.
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
    if name == .embedding || name == .head, settings.target.scheme != .int8 { return .int8() }
    return settings.target
  }

  /// The format that an override gives a tensor; nil when none matches.
  package func override(of name: TensorName) -> WeightFormat? { overrides[name] }

  /// The names of a matrix: tied embeddings are one matrix with both names.
  private static func spellings(_ name: TensorName, _ tiesEmbeddings: Bool) -> [String] {
    name == .embedding && tiesEmbeddings
      ? [TensorName.embedding.string, TensorName.head.string] : [name.string]
  }
}
