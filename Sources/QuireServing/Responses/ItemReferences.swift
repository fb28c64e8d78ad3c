import QuireJSON

/// Items of `input` that stand for one of a stored response: `{"type": "item_reference", "id": "msg_…"}`.
///
/// Clients that let the server store responses send these instead of what it already has.
enum ItemReferences {
  private static let type = "item_reference"

  /// The fields with the stored items in place of references. Each item may stand there once, so that a request cannot
  /// become larger than the store.
  static func resolved(_ fields: FieldReader, _ store: ResponseStore) throws(ServingError) -> FieldReader {
    guard let input = fields.value("input")?.arrayValue else { return fields }
    let references = try positions(input)
    guard !references.isEmpty else { return fields }
    let found = store.items(named: Set(references.keys))
    var items = input
    for (id, index) in references.sorted(by: { $0.value < $1.value }) {
      guard let item = found[id] else {
        throw refusal(
          index, expected: "the id of an item of a response that is stored here", found: id,
          advice: "send the item itself", code: "item_not_found")
      }
      items[index] = item
    }
    var object = fields.object
    object["input"] = .array(items)
    return FieldReader(object)
  }

  /// Where each item is referred to.
  private static func positions(_ input: [JSONValue]) throws(ServingError) -> [String: Int] {
    var positions: [String: Int] = [:]
    for (index, item) in input.enumerated() where item["type"]?.stringValue == type {
      guard let id = item["id"]?.stringValue else {
        throw refusal(
          index, expected: "the id of an item", found: item["id"]?.kindDescription ?? "none",
          advice: "correct it")
      }
      guard positions.updateValue(index, forKey: id) == nil else {
        throw refusal(index, expected: "each item once", found: id, advice: "leave the second reference out")
      }
    }
    return positions
  }

  private static func refusal(
    _ index: Int, expected: String, found: String, advice: String, code: String? = nil
  ) -> ServingError {
    let field = "input[\(index)].id"
    return .rejected(
      .badField(field, "\(field): expected \(expected), found \(Found.text(found)); \(advice)", code: code))
  }
}
