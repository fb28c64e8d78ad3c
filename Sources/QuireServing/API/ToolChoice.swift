import QuireGrammar
import QuireJSON

/// Whether and how the model calls tools.
enum ToolChoice: Sendable, Equatable {
  /// The model does not see the tools.
  case none
  /// The model decides.
  case auto
  /// The answer is one or more calls.
  case required
  /// The answer is one call of this function.
  case function(String)

  /// Chats nest the members one level deeper than responses; both forms are read.
  static let shape = RequestShape.object([
    "type": .any, "name": .any, "namespace": .any, "function": functionShape, "mode": .any,
    "tools": toolsShape,
    "allowed_tools": .object(["mode": .any, "tools": toolsShape]),
  ])

  private static let functionShape = RequestShape.members(["name", "namespace"])
  private static let toolsShape = RequestShape.array(
    of: .object(["type": .any, "name": .any, "namespace": .any, "function": functionShape]))

  private static let field = "tool_choice"

  /// A word, an object with that word as its type, or an object that names a function.
  ///
  /// - Parameters:
  ///   - names: the functions of the request
  ///   - isNested: whether the API has the name of a function in `function`, as chats have
  init(_ reader: FieldReader, names: Set<String>, isNested: Bool = true) throws(ServingError) {
    let value = reader.value(Self.field) ?? "auto"
    switch value.stringValue ?? Self.type(value) {
    case "none": self = .none
    case "auto": self = .auto
    case "required": self = try Self.required("required", among: names)
    case "function" where value.objectValue != nil:
      self = .function(try Self.name(reader, among: names, isNested: isNested))
    default:
      throw reader.wrong(
        Self.field,
        expected:
          "\"auto\", \"none\", \"required\" or an object of the type \"function\" or \"allowed_tools\"",
        found: value["type"] ?? value)
    }
  }

  /// An object with a function and no type is what Hugging Face's client sends.
  private static func type(_ value: JSONValue) -> String? {
    if value["type"] == nil, value["function"] != nil { return "function" }
    return value["type"]?.stringValue
  }

  /// The name is in `function` or next to the type, whichever the client sent. Where it sent neither, the sentence has the
  /// API's own path.
  private static func name(
    _ reader: FieldReader, among names: Set<String>, isNested: Bool
  ) throws(ServingError) -> String {
    let choice = try reader.object(field)
    let hasFunction = choice?.value("function") != nil
    let owner = hasFunction ? try choice?.object("function") : choice
    let isInside = hasFunction || isNested && choice?.value("name") == nil
    let path = isInside ? "\(field).function.name" : "\(field).name"
    return try checked(owner?.string("name"), path: path, among: names)
  }

  /// A choice of any tool. `word` is what the API calls it.
  static func required(_ word: String, among names: Set<String>) throws(ServingError) -> ToolChoice {
    if !names.isEmpty { return .required }
    throw .rejected(
      .badField(field, "\(field): expected tools with \"\(word)\", found none; send tools or leave it out"))
  }

  /// The name of the one function that must be called.
  static func checked(
    _ name: String?, path: String, among names: Set<String>
  ) throws(ServingError) -> String {
    guard let name else {
      throw .rejected(.badField(path, "\(path): expected a name, found none; name the function"))
    }
    guard names.contains(name) else {
      throw .rejected(
        .badField(
          path, "\(path): expected the name of one of the tools, found \(Found.text(name)); correct it"))
    }
    return name
  }
}

extension ToolFields {
  /// Puts the tools and the request's own constraint together: forced calls are a constraint themselves, and an answer
  /// in JSON may be a call instead. `response_format` describes the content, which an answer with forced calls does
  /// not have.
  func constraint(with own: AnswerConstraint?) throws(ServingError) -> AnswerConstraint? {
    switch choice {
    case .required, .function:
      if let own, !own.isResponseFormat {
        throw .rejected(
          .badField(
            own.field,
            "\(own.field): expected no constraint on the answer with a 'tool_choice' that forces a call, found one; "
              + "send one of the two"))
      }
      if case .function(let name) = choice {
        let tool = functions.filter { $0.name == name }
        return AnswerConstraint(field: "tools", kind: .toolCalls(tool, allowsSeveral: false))
      }
      return AnswerConstraint(
        field: "tools", kind: .toolCalls(functions, allowsSeveral: allowsParallelCalls))
    case .auto where !functions.isEmpty:
      guard let own else { return strictCalls }
      switch own.kind {
      case .jsonObject: return callsOr(["type": "object", "additionalProperties": true], own)
      case .jsonSchema(let schema): return callsOr(schema, own)
      default:
        throw .rejected(
          .badField(
            own.field,
            "\(own.field): expected JSON as the only constraint on answers that may be calls of 'tools', found another; "
              + "send \"tool_choice\": \"none\" or one of the two"))
      }
    case .auto, .none: return own
    }
  }

  /// Functions that ask for `strict` get arguments of their schemas whenever the model calls them; others any object.
  private var strictCalls: AnswerConstraint? {
    guard functions.contains(where: \.isStrict) else { return nil }
    return AnswerConstraint(
      field: "tools",
      kind: .textAndToolCalls(
        functions.map { $0.isStrict ? $0 : $0.withoutSchema }, allowsSeveral: allowsParallelCalls))
  }

  private func callsOr(_ schema: JSONValue, _ own: AnswerConstraint) -> AnswerConstraint {
    AnswerConstraint(
      field: own.field,
      kind: .toolCallsOrJSON(functions, allowsSeveral: allowsParallelCalls, schema: schema))
  }
}
