package import QuireTensors

/// Identifies a row of an evaluation. A step's name does not: a recipe may have a step twice, two recipes may have
/// one name, and a row need not belong to a recipe.
package enum RowIdentity: Sendable, Hashable {
  /// The unmodified checkpoint.
  case reference
  /// A finished pack: the first that was given.
  case pack
  /// A further model, by its position among those that were given, from 1.
  case model(index: Int)
  /// The model after the first `stepCount` steps of the evaluation's recipe of that index.
  case recipe(index: Int, stepCount: Int)
  /// A running server, by its position among those that were given, from 0.
  case server(index: Int)
  /// Any other variant of the model, by a name that is unique within the evaluation.
  case variant(String)
  /// A row's model with another type of keys and values in the cache.
  indirect case cache(RowIdentity, KeyValueElement)

  /// One word for reports: "reference", "recipe-0-step-2".
  package var text: String {
    switch self {
    case .reference: "reference"
    case .pack: "pack"
    case .model(let index): "model-\(index)"
    case .recipe(let index, let stepCount): "recipe-\(index)-step-\(stepCount)"
    case .server(let index): "server-\(index)"
    case .variant(let name): "variant-\(name)"
    case .cache(let row, let element): "\(row.text)-cache-\(element.rawValue)"
    }
  }
}
