/// What can be wrong with a model that a user brings. Every description is one sentence.
package enum ModelError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A configuration field that must be there is not.
  case missingField(field: String, expected: String)
  /// A configuration field holds something else than it may.
  case invalidField(field: String, expected: String, found: String)
  /// A configuration describes a model that is not a dense Qwen3 of the supported kind.
  case unsupported(field: String, found: String, supported: String)
  /// A tensor of a checkpoint or pack is missing, or has another shape or type than the configuration says.
  case tensor(name: String, expected: String, found: String)
  /// The checkpoint could not be read; the sentence is the reader's.
  case checkpoint(String)
  /// The pack could not be read or written; the sentence is the reader's or writer's.
  case pack(String)

  package var description: String {
    switch self {
    case .missingField(let field, let expected):
      "The model's configuration has no \(field), expected \(expected): use the config.json that was published with the weights."
    case .invalidField(let field, let expected, let found):
      "The model's configuration has \(field) = \(found), expected \(expected): correct it or use the config.json that was published with the weights."
    case .unsupported(let field, let found, let supported):
      "The model's configuration has \(field) = \(found), but Quire runs dense Qwen3 models with \(supported): choose such a checkpoint."
    case .tensor(let name, let expected, let found):
      "Tensor \(name) should be \(expected) but is \(found): the weights do not belong to this configuration, fetch both again from one source."
    case .checkpoint(let sentence), .pack(let sentence):
      sentence
    }
  }
}
