package import QuireJSON

/// Data about the served model besides its name, for `GET /quire/model` and the page. A member is `nil` if it is not
/// known.
package struct ModelFacts: Sendable, Equatable {
  package enum Kind: String, Sendable {
    case pack, checkpoint
  }

  package var kind: Kind?
  package var parameterCount: Int?
  /// Positions that the model was made for.
  package var contextPositions: Int?
  /// Width of the hidden states.
  package var hiddenSize: Int?
  /// Size of all weights in memory, including scales.
  package var weightBytes: Int?
  /// Size on disk.
  package var fileBytes: Int?
  /// The recipe of a pack: its name and its text.
  package var recipeName: String?
  package var recipeText: String?
  /// The adapters that are merged into a checkpoint, in order.
  package var adapters: [JSONValue] = []
  /// The rows of a pack's manifest: the checkpoint, then the model after each step, with the measurements of
  /// `evaluate --store`.
  package var steps: [JSONValue] = []
  /// A report of `evaluate --json`.
  package var report: JSONValue?

  package init() {}

  package var bitsPerWeight: Double? {
    guard let weightBytes, let parameterCount, parameterCount > 0 else { return nil }
    return 8 * Double(weightBytes) / Double(parameterCount)
  }
}
