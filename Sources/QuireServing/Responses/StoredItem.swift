import QuireJSON

/// An item of a stored conversation as the list of OpenAI's API shows it: with an id, and with text in parts.
struct StoredItem {
  let id: String
  let json: JSONValue

  /// - Parameter responseID: The response that the items belong to; from it each gets an id of its own.
  static func list(_ items: [JSONValue], of responseID: String) -> [StoredItem] {
    let key = responseID.drop { $0 != "_" }
    return items.enumerated().map { index, item in StoredItem(item, idEnd: "\(key)_\(index)") }
  }

  private init(_ item: JSONValue, idEnd: String) {
    var members = item.objectValue ?? [:]
    let type = item["type"]?.stringValue ?? "message"
    id = (Self.prefixes[type] ?? "item") + idEnd
    members["id"] = .string(id)
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

  private static let prefixes = [
    "message": "msg", "reasoning": "rs", "function_call": "fc", "function_call_output": "fco",
  ]
}
