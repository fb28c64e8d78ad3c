import QuireJSON

extension ChatToolCall {
  /// Arguments given as the text of a JSON object (as OpenAI's clients send them) are replaced by that object, so that
  /// the prompt has the spacing that the model was trained on.
  package var withParsedArguments: ChatToolCall {
    Self.object(arguments).map { ChatToolCall(name: name, arguments: $0, id: id) } ?? self
  }

  /// From the JSON that a model writes between the tags of a call; nil when it is not a valid call.
  ///
  /// 1. It has a `name`, at the top level or in an object `function`.
  /// 2. Arguments are called `arguments` or `parameters`; the first in the text that is not empty is used.
  /// 3. They are an object or the JSON text of one. Missing, `null` and `""` mean no arguments.
  init?(answer json: ArraySlice<UInt8>) {
    guard let whole = try? JSONValue.parse(json) else { return nil }
    let call = whole["function"]?.objectValue == nil ? whole : whole["function"] ?? whole
    guard let name = call["name"]?.stringValue, !name.isEmpty else { return nil }  // 1
    var arguments: JSONValue = .object([:])
    for member in call.objectValue?.members ?? [] where ["arguments", "parameters"].contains(member.key) {
      guard let object = Self.object(member.value) else { return nil }  // 3
      if arguments.objectValue?.isEmpty == true { arguments = object }  // 2
    }
    self.init(name: name, arguments: arguments)
  }

  /// A call whose arguments are JSON text of an object; nil for other text.
  init?(name: String, argumentsText: String) {
    guard !name.isEmpty, let arguments = Self.object(.string(argumentsText)) else { return nil }
    self.init(name: name, arguments: arguments)
  }

  /// Arguments as an object; nil when they are something else.
  private static func object(_ arguments: JSONValue) -> JSONValue? {
    if arguments.objectValue != nil { return arguments }
    if arguments.isNull { return .object([:]) }
    guard let text = arguments.stringValue else { return nil }
    if text.utf8.allSatisfy({ $0 <= 0x20 }) { return .object([:]) }
    guard let value = try? JSONValue.parse(text) else { return nil }
    return value.isNull ? .object([:]) : value.objectValue.map { .object($0) }
  }
}
