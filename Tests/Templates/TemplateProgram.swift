import Foundation
import QuireJSON
import QuireText

/// Renders chats with chat templates, for `tools/check-templates`: one JSON object a line in, one a line out.
///
/// - `{"template": "…"}` compiles the template that the following chats use.
/// - `{"tokenizer": "FOLDER"}` opens the tokenizer that gives prompts their ids.
/// - `{"format": {…}}` opens the tokenizer in `FOLDER` again, with the members of tokenizer_config.json in `format`: the
///   following chats are read as the server reads them, and rendered by its chat format. `{"format": null}` ends that.
/// - `{"messages": […], "tools": […], "documents": […], "arguments": {…}, "special": {…}, "generate": true,
///   "continue": true, "seconds": 0}` renders a chat; only `messages` must be there.
@main
enum TemplateProgram {
  static func main() {
    var state = State()
    while let line = readLine() {
      guard let request = try? JSONValue.parse(line) else { fatalError("a line that is not JSON") }
      let answer = JSONValue.object(state.answer(request)).serialized() + "\n"
      FileHandle.standardOutput.write(Data(answer.utf8))
    }
  }

  struct State {
    private var program: ChatTemplateProgram?
    private var tokenizer: Tokenizer?
    private var folder = ""
    private var model: Tokenizer?

    mutating func answer(_ request: JSONValue) -> JSONObject {
      do {
        if let folder = request["tokenizer"]?.stringValue {
          tokenizer = try Tokenizer(folder: folder)
          self.folder = folder
          return ["opened": true]
        }
        if let configuration = request["format"] {
          model = nil
          if configuration.isNull { return ["opened": false] }
          let file = try JSONValue.parse([UInt8](Data(contentsOf: URL(filePath: folder + "/tokenizer.json"))))
          let model = try Tokenizer(tokenizer: file, configuration: configuration)
          self.model = model
          return ["opened": true, "summary": .string(model.chatFormat.summary)]
        }
        if let model { return try FormatChat(request).answer(model) }
        if let text = request["template"]?.stringValue {
          program = nil
          program = try ChatTemplateProgram(text)
          return ["compiled": true]
        }
        return try render(request)
      } catch let fault as TemplateFault {
        return [
          "fault": .string("\(fault.kind)"), "message": .string(fault.message),
          "sentence": .string(fault.description),
        ]
      } catch TextError.template(let fault) {
        return ["fault": .string("\(fault.kind)"), "message": .string(fault.message)]
      } catch {
        return ["fault": "request", "message": .string("\(error)")]
      }
    }

    private func render(_ request: JSONValue) throws -> JSONObject {
      guard let program else { return ["fault": "other", "message": "no template"] }
      var chat = TemplateChat(messages: request["messages"] ?? .null, tools: request["tools"])
      chat.documents = request["documents"]
      chat.addGenerationPrompt = request["generate"]?.boolValue ?? false
      chat.continueFinalMessage = request["continue"]?.boolValue ?? false
      chat.arguments = request["arguments"]?.objectValue ?? [:]
      for member in request["special"]?.objectValue?.members ?? [] {
        chat.specialTokens[member.key] = member.value.stringValue
      }
      if let seconds = request["seconds"]?.intValue { chat.clock = TemplateClock(seconds: seconds) }
      let start = ContinuousClock.now
      let prompt = try program.render(chat)
      let time = ContinuousClock.now - start
      var answer: JSONObject = ["text": .string(prompt.text), "microseconds": .int(time.microseconds)]
      if let tokenizer {
        answer["ids"] = .array(TemplateTokenizer(tokenizer, program).ids(of: prompt).map { .int($0) })
        answer["forgeable"] = .array(prompt.tokens(tokenizer, forgeable: true).map { .int($0) })
      }
      return answer
    }
  }
}

/// A chat as the server, `chat` and `evaluate` read and render it.
private struct FormatChat {
  private let request: JSONValue

  init(_ request: JSONValue) { self.request = request }

  func answer(_ model: Tokenizer) throws -> JSONObject {
    let format = try model.chatFormat.required()
    let start = ContinuousClock.now
    var input = ChatInput(messages: try ChatMessage.list(json: request["messages"] ?? .null))
    input.tools = request["tools"]?.arrayValue ?? []
    input.documents = request["documents"]?.arrayValue ?? []
    input.template = request["name"]?.stringValue
    input.arguments = request["arguments"]?.objectValue ?? [:]
    let prompt = try format.render(
      input, addGenerationPrompt: request["generate"]?.boolValue ?? false,
      continueFinalMessage: request["continue"]?.boolValue ?? false)
    let time = ContinuousClock.now - start
    let ids = prompt.tokens(model)
    return [
      "text": .string(prompt.text), "microseconds": .int(time.microseconds),
      "ids": .array(ids.map { .int($0) }),
      "forgeable": .array(prompt.tokens(model, forgeable: true).map { .int($0) }),
      "written": .array(prompt.pieces.filter(\.isTemplate).map { .string($0.text) }),
    ]
  }
}

extension Duration {
  fileprivate var microseconds: Int64 {
    components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
  }
}
