import QuireJSON
import QuireText

/// Reads which of the model's chat templates a chat uses, and the documents that it shows to the model. A request cannot
/// bring a template of its own: what is a control token in a prompt is decided by the model's templates alone.
struct TemplateFields: Sendable {
  static let shape: [String: RequestShape] = .any(["chat_template", "documents"])

  /// Nil for the one that the format chooses.
  let name: String?
  let documents: [JSONValue]

  init() {
    name = nil
    documents = []
  }

  init(_ reader: FieldReader) throws(ServingError) {
    name = try reader.string("chat_template")
    documents = try reader.array("documents", of: "documents") ?? []
    for (index, document) in documents.enumerated() where document.objectValue == nil {
      throw reader.wrong(
        "documents[\(index)]", expected: "an object with title and text", found: document, advice: .correct)
    }
  }

  /// Refuses a template that the model does not have, and documents that would not reach it.
  func check(_ format: ChatFormat, hasTools: Bool) throws(ServingError) {
    if let name, !format.templateNames.contains(name) {
      let error = TextError.templateName(name, known: format.templateNames)
      throw .rejected(.badField("chat_template", error.description))
    }
    guard !documents.isEmpty, !format.showsDocuments(template: name, hasTools: hasTools) else { return }
    throw .rejected(
      .badField(
        "documents",
        "documents: expected none, because the chat template does not show documents to the model, found "
          + "\(documents.count); leave them out, write them into a message or name another template in "
          + "\"chat_template\""))
  }
}
