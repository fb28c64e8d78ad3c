import QuireJSON

/// An item of a stored conversation as the list of OpenAI's API shows it: with an id, and with text in parts.
struct StoredItem {
  let id: String
  let json: JSONValue

  private static let idBytesMaximum = 64
  private static let prefixes = [
    "message": "msg", "reasoning": "rs", "function_call": "fc", "function_call_output": "fco",
  ]

  /// The items with an id for each. One that an item has is kept, so that an item has the same id in the lists of all
  /// responses of a conversation.
  ///
  /// - Parameter responseID: The response that answers the items; new ids are made from it.
  static func identified(_ items: [JSONValue], of responseID: String) -> [JSONValue] {
    let key = responseID.drop { $0 != "_" }
    var known: Set<String> = []
    return items.enumerated().map { index, item in
      if let id = item["id"]?.stringValue, id.utf8.count <= idBytesMaximum, known.insert(id).inserted {
        return item
      }
      var members = item.objectValue ?? [:]
      let id = (prefixes[type(of: item)] ?? "item") + "\(key)_\(index)"
      known.insert(id)
      members["id"] = .string(id)
      return .object(members)
    }
  }

  private static func type(of item: JSONValue) -> String { item["type"]?.stringValue ?? "message" }

  /// - Parameter item: An item with an id.
  init(_ item: JSONValue) {
    var members = item.objectValue ?? [:]
    let type = Self.type(of: item)
    id = item["id"]?.stringValue ?? ""
    members["type"] = .string(type)
    members["status"] = "completed"
    if type == "message", let text = item["content"]?.stringValue {
      let isAnswer = item["role"]?.stringValue == "assistant"
      members["content"] = [
        isAnswer
          ? ["type": "output_text", "text": .string(text), "annotations": []]
          : ["type": "input_text", "text": .string(text)]
      ]
    }
    if type == "reasoning", members["summary"] == nil { members["summary"] = [] }
    json = .object(members)
  }
}
