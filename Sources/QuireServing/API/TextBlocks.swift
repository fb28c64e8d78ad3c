import QuireJSON

/// Reads content that is a string or an array of blocks with text.
enum TextBlocks {
  /// Members of a block that this reads.
  static let members = ["type", "text", "refusal"]

  /// The text of a member, its blocks joined by line feeds; nil when it is absent.
  ///
  /// - Parameter types: The types that a block may have.
  static func read(
    _ reader: FieldReader, _ name: String, types: [String]
  ) throws(ServingError) -> String? {
    guard let value = reader.value(name) else { return nil }
    if let text = value.stringValue { return text }
    guard let blocks = value.arrayValue else {
      throw reader.wrong(
        name, expected: "a string or an array of blocks of text", found: value, advice: .correct)
    }
    var texts: [String] = []
    for (index, block) in blocks.enumerated() {
      let block = try reader.block(block, name, index)
      guard types.contains(block.type) else { throw block.unreadable(expected: types) }
      texts.append(try block.text())
    }
    return texts.joined(separator: "\n")
  }
}

/// A block of content or an item, with its type.
struct TypedBlock {
  let type: String
  let fields: FieldReader

  /// The text of a block of text.
  func text() throws(ServingError) -> String {
    try required(type == "refusal" ? type : "text")
  }

  /// A member that must be a string.
  func required(_ name: String) throws(ServingError) -> String {
    if let text = try fields.string(name) { return text }
    let path = fields.path(name)
    throw .rejected(.badField(fields.prefix + name, "\(path): expected a string, found none; send one"))
  }

  /// Throws for a tool of another type than the one that the client runs; `others` says which ones have other types.
  func checkTool(_ expected: String, others: String) throws(ServingError) {
    guard type != expected else { return }
    throw .rejected(
      .badField(
        fields.prefix + "type",
        "\(fields.path("type")): expected \"\(expected)\", which your program runs, found "
          + "\(Found.text(type)); leave out tools that \(others)"))
  }

  /// The error for a block whose type cannot be read.
  func unreadable(expected types: [String]) -> ServingError {
    let field = fields.prefix + "type"
    return .rejected(
      .badField(
        field,
        "\(fields.path("type")): expected \(types.map { "\"\($0)\"" }.joined(separator: " or ")), found "
          + "\(Found.text(type)), which this server cannot give to the model; leave it out"))
  }
}

extension FieldReader {
  /// An element of an array, which must be an object with a type.
  ///
  /// - Parameter standard: The type of an element that does not name one.
  func block(
    _ value: JSONValue, _ name: String, _ index: Int, standard: String? = nil
  ) throws(ServingError) -> TypedBlock {
    let path = "\(name)[\(index)]"
    guard let object = value.objectValue else {
      throw wrong(path, expected: "an object with a type", found: value, advice: .correct)
    }
    let fields = FieldReader(object, prefix: "\(prefix)\(path).")
    guard let type = try fields.string("type") ?? standard else {
      throw .rejected(
        .badField(
          fields.prefix + "type", "\(fields.path("type")): expected a type, found none; name the type"))
    }
    return TypedBlock(type: type, fields: fields)
  }
}
