import QuireFiles
import QuireModel
import QuireCheckpoints
import Foundation
import QuireJSON
import QuireText

/// A calibration text as tokens.
struct CalibrationText {
  /// Its name in errors and provenance.
  let name: String
  /// Not empty.
  let documents: [CalibrationDocument]
  /// Whether windows are parts of one long document instead of whole short ones.
  let isOneDocument: Bool

  /// The file in a checkpoint's folder or its parent folder that replaces the bundled set: chats as the model
  /// writes them.
  static let checkpointFile = "calibration.jsonl"

  init(
    _ settings: CalibrationSettings, relativeTo folder: String, checkpointFolder: String, tokenizer: Tokenizer
  ) throws(CalibrationError) {
    let mode = settings.chatMode
    switch settings.source {
    case .file(let path):
      // The name as written in the recipe: a pack must not depend on the recipe's folder.
      try self.init(
        file: CalibrationSettings.resolve(path, relativeTo: folder), named: path, mode, tokenizer)
    case .bundled:
      if let file = Self.file(of: checkpointFolder) {
        try self.init(file: file, named: Self.checkpointFile, mode, tokenizer)
      } else {
        let lines = BundledText.chats + "\n" + BundledText.dialogues
        let chats = try Self.lines([UInt8](lines.utf8), name: "bundled", mode, tokenizer)
        let texts = (BundledText.documents + BundledText.furtherDocuments).map {
          CalibrationDocument(tokens: tokenizer.encode($0, addedTokens: .plainText))
        }
        self.init(name: "bundled", documents: texts + chats, isOneDocument: false)
      }
    }
  }

  /// The checkpoint's own chats: in its folder or the parent folder, where an evaluation looks for tasks and text
  /// as well.
  private static func file(of checkpointFolder: String) -> String? {
    let parent = URL(fileURLWithPath: checkpointFolder).standardizedFileURL.deletingLastPathComponent().path
    return [checkpointFolder, parent].map { $0 + "/" + checkpointFile }
      .first { FileManager.default.fileExists(atPath: $0) }
  }

  private init(name: String, documents: [CalibrationDocument], isOneDocument: Bool) {
    self.name = name
    self.documents = documents
    self.isOneDocument = isOneDocument
  }

  private init(
    file: String, named name: String, _ mode: CalibrationChatMode, _ tokenizer: Tokenizer
  ) throws(CalibrationError) {
    let bytes: [UInt8]
    do throws(TextProblem) { bytes = try TextFile.bytes(path: file) } catch {
      switch error {
      case .notUTF8: throw .text(source: name, problem: "holds \(error); save it as UTF-8")
      case .folder: throw .folderForFile(path: file, purpose: "the calibration text")
      case .missing, .unreadable: throw .unreadableFile(path: file, purpose: "the calibration text")
      }
    }
    self.name = name
    if CalibrationSource.isJSONLines(file) {
      documents = try Self.lines(bytes, name: name, mode, tokenizer)
      isOneDocument = false
    } else {
      guard !Self.holdsRecords(bytes) else {
        throw .text(
          source: name,
          problem:
            "holds chats or texts as JSON, but its name does not end in .jsonl; save it as JSON lines under a name "
            + "that does")
      }
      let tokens = tokenizer.encode(String(decoding: bytes, as: UTF8.self), addedTokens: .plainText)
      documents = [CalibrationDocument(tokens: tokens)]
      guard !tokens.isEmpty else { throw .text(source: name, problem: "is empty; give a text file") }
      isOneDocument = true
    }
  }

  /// Whether a text is chats or texts as JSON, in lines or as one value. Statistics of its braces and names would be
  /// useless, and nothing would say so.
  private static func holdsRecords(_ bytes: [UInt8]) -> Bool {
    func isRecord(_ value: JSONValue?) -> Bool {
      value?["messages"]?.arrayValue != nil || value?["text"]?.stringValue != nil
    }
    let first = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else { return false }
    let line = JSONLines(bytes).first { _ in true }
    if let line, isRecord(try? JSONValue.parse(Array(line.bytes))) { return true }
    let whole = try? JSONValue.parse(bytes)
    return isRecord(whole) || isRecord(whole?[0])
  }

  /// Documents, one per line: `{"messages": […], "tools": […]}`, rendered by the chat template as the model was
  /// trained on them, or `{"text": "…"}`, in which added tokens such as `<|endoftext|>` are recognised.
  private static func lines(
    _ bytes: [UInt8], name: String, _ mode: CalibrationChatMode, _ tokenizer: Tokenizer
  ) throws(CalibrationError) -> [CalibrationDocument] {
    var documents: [CalibrationDocument] = []
    for line in JSONLines(bytes) {
      let found = try Self.documents(Array(line.bytes), line: line.number, name: name, mode, tokenizer)
      documents += found.filter { !$0.tokens.isEmpty }
    }
    guard !documents.isEmpty else {
      throw .text(
        source: name,
        problem: mode == .thinking
          ? "holds no chat with \"reasoning_content\"; give some, or another \"mode\" in the recipe's calibration"
          : "holds nothing; write one {\"messages\": […]} or {\"text\": …} a line")
    }
    return documents
  }

  /// The tools of a chat; nil for a value that is not a list of tools.
  private static func tools(_ line: JSONValue) -> [JSONValue]? {
    guard let value = line["tools"], value != .null else { return [] }
    guard let tools = value.arrayValue, tools.allSatisfy({ $0.objectValue != nil }) else { return nil }
    return tools
  }

  /// The documents of one line: a text, or a chat in none, one or both of the modes.
  private static func documents(
    _ bytes: [UInt8], line: Int, name: String, _ mode: CalibrationChatMode, _ tokenizer: Tokenizer
  ) throws(CalibrationError) -> [CalibrationDocument] {
    func refused(_ reason: String) -> CalibrationError {
      .text(
        source: name,
        problem: "has a line \(line) that is neither {\"messages\": […]} nor {\"text\": …}: \(reason)")
    }
    let value: JSONValue
    do throws(JSONError) { value = try JSONValue.parse(bytes) } catch { throw refused(error.description) }
    if let text = value["text"]?.stringValue {
      guard value["messages"] == nil else { throw refused("it has both; leave one out") }
      return [CalibrationDocument(tokens: tokenizer.encode(text))]
    }
    guard let messages = value["messages"] else {
      throw refused(value["text"] == nil ? "it has neither" : "its \"text\" is no string")
    }
    guard let tools = Self.tools(value) else { throw refused("its \"tools\" are no array of objects") }
    let format = try wrapping(CalibrationError.tokenizer, try tokenizer.chatFormat.required())
    do throws(TextError) {
      return try mode.renderings(of: try ChatMessage.list(json: messages)).map { chat throws(TextError) in
        let tokens = try format.render(messages: chat, tools: tools, addGenerationPrompt: false).tokens(
          tokenizer)
        guard chat.count > 1, chat.last?.role == .assistant else {
          return CalibrationDocument(tokens: tokens)
        }
        let prompt = try format.render(messages: Array(chat.dropLast()), tools: tools)
        return CalibrationDocument(chat: tokens, prompt: prompt.tokens(tokenizer))
      }
    } catch {
      throw refused(error.description)
    }
  }
}

extension CalibrationChatMode {
  /// The chat in each mode to render; the template renders an answer without reasoning as a non-thinking one.
  func renderings(of chat: [ChatMessage]) -> [[ChatMessage]] {
    guard chat.contains(where: { $0.reasoningContent != nil }) else { return self == .thinking ? [] : [chat] }
    let plain = chat.map { message in
      var message = message
      message.reasoningContent = nil
      return message
    }
    switch self {
    case .asWritten, .thinking: return [chat]
    case .nonThinking: return [plain]
    case .both: return [chat, plain]
    }
  }
}
