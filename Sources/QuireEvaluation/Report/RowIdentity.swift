/// What tells a row of an evaluation from all others, whatever its step is called: a recipe may have a step twice, two
/// recipes may have one name, and a row need not be a recipe's beginning at all.
package enum RowIdentity: Sendable, Hashable {
  /// The unmodified checkpoint.
  case reference
  /// A finished pack.
  case pack
  /// The model after the first `stepCount` steps of the evaluation's recipe of that index.
  case recipe(index: Int, stepCount: Int)
  /// Any other variant of the model, by a name that the evaluation gives to no other row.
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
