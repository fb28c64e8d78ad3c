import QuireJSON
import QuireText

/// What a tool returned, in every API. The model reads only text: a part that has none, such as an image, becomes a note
/// that says so, and is named as ignored. No user chose it, and as it comes again with each later request, a refusal
/// would end the conversation for good.
enum ToolResult {
  /// - Parameter text: The members that a part with text may have.
  static func shape(text: [String]) -> RequestShape {
    var shapes: [String: RequestShape] = [
      "tool_reference": .members(["type", "tool_name", "cache_control"]),
      "search_result": .members(["type", "title", "source", "content", "citations", "cache_control"]),
      "document": .object(
        .any(["type", "title", "context", "citations", "cache_control"]) + [
          "source": .types(["text": .members(["type", "media_type", "data"])])
        ]),
    ]
    for type in ChatMessage.textPartTypes { shapes[type] = .members(text) }
    return .array(of: .types(shapes))
  }

  /// The text of a member; nil when it is absent.
  static func text(_ reader: FieldReader, _ name: String) throws(ServingError) -> String? {
    var object = reader.object
    object[name] = object[name].map(readable)
    let readable = FieldReader(object, prefix: reader.prefix)
    return try TextBlocks.read(readable, name, types: ChatMessage.textPartTypes)
  }

  /// The content with a part of text in place of each that is not text. What is no part stays for the reader to refuse.
  static func readable(_ content: JSONValue) -> JSONValue {
    guard let parts = content.arrayValue else { return content }
    return .array(
      parts.map { part in
        guard let type = part["type"]?.stringValue, !ChatMessage.textPartTypes.contains(type) else {
          return part
        }
        return ["type": "text", "text": .string(ownText(part, type) ?? note(type))]
      })
  }

  private static func note(_ type: String) -> String {
    var name = type[...]
    if name.hasPrefix("input_") { name = name.dropFirst("input_".count) }
    if name.hasSuffix("_url") { name = name.dropLast("_url".count) }
    return "[\(Found.plain(String(name))): this model reads only text]"
  }

  /// The text of parts that have it in members of their own; nil for any other part.
  private static func ownText(_ part: JSONValue, _ type: String) -> String? {
    switch type {
    case "tool_reference": return part["tool_name"]?.stringValue.map { "Tool: " + $0 }
    case "search_result":
      guard let content = part["content"]?.arrayValue else { return nil }
      let texts = [part["title"], part["source"]] + content.map { $0["text"] }
      return texts.compactMap { $0?.stringValue }.joined(separator: "\n")
    case "document":
      guard let source = part["source"], source["type"]?.stringValue == "text" else { return nil }
      return source["data"]?.stringValue.map { data in
        [part["title"]?.stringValue, part["context"]?.stringValue, data].compactMap { $0 }
          .joined(separator: "\n")
      }
    default: return nil
    }
  }
}
