/// What can be wrong with a user's model. Every description is one sentence.
package enum ModelError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A required configuration field is missing.
  case missingField(field: String, expected: String)
  /// A configuration field has an invalid value.
  case invalidField(field: String, expected: String, found: String)
  /// A configuration describes a model that is not a dense Qwen3 of the supported kind.
  case unsupported(field: String, found: String, supported: String, advice: String)
  /// A tensor of a checkpoint or pack is missing, or has another shape or type than the configuration says.
  case tensor(name: String, expected: String, found: String)
  /// Tensors of a checkpoint that would change the model, but that Quire does not use.
  case unsupportedTensors(found: String, advice: String)
  /// The checkpoint could not be read; the sentence is the reader's.
  case checkpoint(String)
  /// A weight of the checkpoint is NaN, infinite or far too large; the sentence is the reader's. Reading again does
  /// not help.
  case numbers(String)
  /// The pack could not be read or written; the sentence is the reader's or writer's.
  case pack(String)
  /// A draft head that does not fit the model, or that Quire does not run.
  case draftHead(String)

  package var description: String {
    switch self {
    case .missingField(let field, let expected):
      "expected \(expected) as \(field) in the model's configuration, found none; "
        + "use the config.json that was published with the weights"
    case .invalidField(let field, let expected, let found):
      "expected \(expected) as \(field) in the model's configuration, found \(found); "
        + "correct it or use the config.json that was published with the weights"
    case .unsupported(let field, let found, let supported, let advice):
      "expected a dense Qwen3 model with \(supported), found \(field) = \(found) in its configuration; \(advice)"
    case .tensor(let name, let expected, let found):
      "expected tensor \(name) \(expected), found it \(found); "
        + "fetch weights and configuration again from one source"
    case .unsupportedTensors(let found, let advice):
      "expected only the tensors of a dense Qwen3 model, found \(found); \(advice)"
    case .checkpoint(let sentence), .numbers(let sentence), .pack(let sentence), .draftHead(let sentence):
      sentence
    }
  }

  /// Advice for errors without a better remedy.
  static let chooseAnother = "choose another checkpoint"
}
