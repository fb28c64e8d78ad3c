/// Identifies a row of an evaluation. A step's name does not: a recipe may have a step twice, two recipes may have
/// one name, and a row need not belong to a recipe.
package enum RowIdentity: Sendable, Hashable {
  /// The unmodified checkpoint.
  case reference
  /// A finished pack.
  case pack
  /// The model after the first `stepCount` steps of the evaluation's recipe of that index.
  case recipe(index: Int, stepCount: Int)
  /// Any other variant of the model, by a name that is unique within the evaluation.
  case variant(String)

  /// One word for reports: "reference", "recipe-0-step-2".
  package var text: String {
    switch self {
    case .reference: "reference"
    case .pack: "pack"
    case .recipe(let index, let stepCount): "recipe-\(index)-step-\(stepCount)"
    case .variant(let name): "variant-\(name)"
    }
  }
}
