import Foundation
import QuireFiles
import QuireJSON
import QuireModelFiles
import QuireText

extension Command {
  static let tokenize = Command(
    name: "tokenize",
    summary: "Turns text into token ids: JSON strings in, one a line; JSON arrays out, one a line.",
    positionals: ["MODEL"],
    options: [Option("--decode", nil, "decode: read arrays of ids, write strings"), .parent],
    example: #"echo '"What is 3+4?"' | quire tokenize recipes/demo/checkpoint"#,
    run: runTokenize)

  static let render = Command(
    name: "render",
    summary: "Prints the prompt that the chat template renders from messages and tools.",
    positionals: ["MODEL"],
    options: [
      .chatFormat, .parent,
      Option(
        "--messages", "FILE",
        #"JSON: {"messages": […], "tools": […]}, also documents, chat_template and chat_template_kwargs; - reads stdin"#
      ),
      Option("--no-thinking", nil, "render for non-thinking mode (an empty think block)"),
      Option("--no-generation-prompt", nil, "stop after the last message"),
    ],
    example: "quire render recipes/demo/checkpoint --messages chat.json --no-thinking",
    run: runRender)
}

private func runTokenize(_ arguments: Arguments) throws {
  let tokenizer = try arguments.modelSource().tokenizer()
  let decodes = arguments.has("--decode")
  var lines = InputLines()
  while let text = try lines.next() {
    let line = lines.number
    if text.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
    let value = try jsonLine(text, line: line, remedy: decodes ? idsRemedy : textRemedy)
    if decodes {
      let ids = try tokenIDs(value, of: tokenizer, line: line)
      Terminal.outputLine(
        JSONValue.string(String(decoding: tokenizer.decode(ids), as: UTF8.self)).serialized())
    } else {
      guard let string = value.stringValue else {
        throw CommandError(
          "line \(line): expected a JSON string, found \(String(decoding: text.prefix(40), as: UTF8.self))\(textRemedy)"
        )
      }
      let ids = tokenizer.encodeDocument(string)
      Terminal.outputLine("[" + ids.map(String.init).joined(separator: ", ") + "]")
    }
  }
}

private let textRemedy = #"; write each text as a JSON string, such as "What is 3+4?""#
private let idsRemedy = "; write the ids of each text as a JSON array, such as [1, 2]"

/// Parses the JSON value of one line; an error is reported with the line number of the input.
///
/// - Parameter remedy: what to do where the parser does not say it
private func jsonLine(_ text: [UInt8], line: Int, remedy: String) throws -> JSONValue {
  do {
    return try JSONValue.parse(text)
  } catch {
    let sentence = error.description
    let isPlaced = sentence.hasPrefix("line 1, ")
    let advice = sentence.contains("; ") ? "" : remedy
    throw CommandError("line \(line)\(isPlaced ? ", " + sentence.dropFirst(8) : ": " + sentence)\(advice)")
  }
}

/// The ids in a line; refuses those that no token has, of which nothing would be left in the text.
private func tokenIDs(_ value: JSONValue, of tokenizer: Tokenizer, line: Int) throws -> [Int32] {
  guard let items = value.arrayValue else {
    throw CommandError(
      "line \(line): expected a JSON array of token ids, found \(value.kindDescription)\(idsRemedy)")
  }
  return try items.map {
    guard let id = $0.intValue, let narrow = Int32(exactly: id), narrow >= 0 else {
      throw CommandError("line \(line): expected token ids, found \($0.serialized()); correct it")
    }
    guard tokenizer.isUsed(narrow) else {
      throw CommandError(
        "line \(line): expected ids of the model's tokens, which are below \(tokenizer.vocabularySize), found \(narrow); "
          + "correct it, or give the model that the ids are from")
    }
    return narrow
  }
}

private func runRender(_ arguments: Arguments) throws {
  let path = try arguments.required("--messages")
  let tokenizer = try arguments.modelSource().tokenizer(chatFormat: arguments.chatFormat())
  let format = try tokenizer.chatFormat.required()
  let file = try ConversationFile(path: path)
  // Renders the file exactly as the template does.
  var input = ChatInput(
    messages: try ChatMessage.list(json: file.messages, joinsParts: false), tools: file.tools,
    mode: arguments.has("--no-thinking") ? .nonThinking : .thinking,
    arguments: file.templateArguments, template: file.template, documents: file.documents)
  guard
    input.documents.isEmpty
      || format.showsDocuments(template: input.template, hasTools: !input.tools.isEmpty)
  else {
    throw CommandError(
      #"\#(path): expected no "documents", because the chat template does not show them to the model, found "#
        + "\(input.documents.count); leave them out or name another template")
  }
  let addsPrompt = !arguments.has("--no-generation-prompt")
  let prompt = try format.render(input, addGenerationPrompt: addsPrompt)
  Terminal.output(prompt.text)
  if !file.unread.isEmpty {
    Terminal.errorLine("note: without effect on the prompt: \(file.unread.joined(separator: ", "))")
  }
  // The server joins the text parts of a message where the template cannot read them.
  let joined: [ChatMessage]
  do {
    joined = try ChatMessage.list(json: file.messages)
  } catch {
    return Terminal.errorLine(
      "note: the chat template leaves out what quire serve refuses: \(error.description)")
  }
  input.messages = joined
  if let served = try? format.render(input, addGenerationPrompt: addsPrompt), served.text != prompt.text {
    Terminal.errorLine(
      "note: the chat template leaves out content that is a list of parts; quire serve gives it the texts of the parts, "
        + "joined by line feeds")
  }
}

/// What `render` reads: `{"messages": […], "tools": […]}` and further members of a chat request.
private struct ConversationFile {
  let messages: JSONValue
  let tools: [JSONValue]
  let documents: [JSONValue]
  let template: String?
  let templateArguments: JSONObject
  /// Names of members that have no effect.
  let unread: [String]

  private static let members = ["messages", "tools", "documents", "chat_template", "chat_template_kwargs"]

  init(path: String) throws {
    let value: JSONValue
    do {
      // Editors of Windows put a byte order mark before a text.
      let bytes = try Array(inputData(path))
      let hasMark = bytes.starts(with: TextFile.byteOrderMark)
      value = try JSONValue.parse(hasMark ? Array(bytes.dropFirst(TextFile.byteOrderMark.count)) : bytes)
    } catch let error as JSONError {
      let advice = error.description.contains("; ") ? "" : #"; give JSON such as {"messages": […]}"#
      throw CommandError("\(path): \(error)\(advice)")
    }
    guard let object = value.objectValue, let messages = object["messages"] else {
      let found = value.objectValue == nil ? value.kindDescription : "none"
      throw CommandError(#"\#(path): expected an object with "messages", found \#(found); add them"#)
    }
    /// A member that is null counts as absent.
    func member<Value>(_ name: String, _ kind: String, _ read: (JSONValue) -> Value?) throws -> Value? {
      guard let value = object[name], !value.isNull else { return nil }
      if let read = read(value) { return read }
      throw CommandError(
        #"\#(path): expected "\#(name)" to be \#(kind), found \#(value.kindDescription); correct it"#)
    }
    func objects(_ value: JSONValue) -> [JSONValue]? {
      value.arrayValue.flatMap { elements in elements.allSatisfy { $0.objectValue != nil } ? elements : nil }
    }
    self.messages = messages
    tools = try member("tools", "an array of objects", objects) ?? []
    documents = try member("documents", "an array of objects", objects) ?? []
    template = try member("chat_template", "a text", \.stringValue)
    templateArguments = try member("chat_template_kwargs", "an object", \.objectValue) ?? [:]
    unread = object.keys.filter { !Self.members.contains($0) }
  }
}

/// The bytes of a file, or of stdin for "-".
func inputData(_ path: String) throws -> Data {
  if path == "-" { return Data(try StandardInput.bytes()) }
  do throws(FileFailure) {
    return Data(try WholeStream.bytes(path: path))
  } catch {
    throw CommandError("expected to read \(path), found: \(error.reason); check the path")
  }
}
