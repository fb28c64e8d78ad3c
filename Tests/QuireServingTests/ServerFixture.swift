import Foundation
import QuireJSON
import QuireServing
import QuireText
import TestSupport

/// A running server with a generator of the test's choice, stopped with its last reference.
final class ServerFixture: Sendable {
  static let modelName = "tiny/qwen3"

  let server: Server

  init(
    _ generator: any TextGenerator, tokenizer: Tokenizer? = nil, log: LineLog? = nil,
    _ adjust: (inout ServerOptions) -> Void = { _ in }
  ) throws {
    var options = ServerOptions(port: 0, modelName: Self.modelName)
    adjust(&options)
    server = try Server(
      engine: generator, tokenizer: try tokenizer ?? Self.tokenizer(), options: options, log: log)
    try server.start()
  }

  deinit { server.drainAndStop(patience: .zero) }

  var port: Int { server.port }

  /// - Parameter chatFormat: What is said about the chat format instead of what the tokenizer's files say.
  static func tokenizer(chatFormat: ChatFormatOverride? = nil) throws -> Tokenizer {
    let folder = TemporaryFolder()
    TinyTokenizer.write(to: folder)
    return try Tokenizer(folder: folder.path, chatFormat: chatFormat)
  }

  func post(_ path: String, _ body: String, headers: [String] = []) throws -> WireResponse {
    try answer(exchangeOnce(port: port, "POST", path, body: body, headers: headers))
  }

  func post(_ path: String, _ body: JSONValue, headers: [String] = []) throws -> WireResponse {
    try post(path, body.serialized(), headers: headers)
  }

  func get(_ path: String, headers: [String] = []) throws -> WireResponse {
    try answer(exchangeOnce(port: port, "GET", path, headers: headers))
  }

  private func answer(_ response: WireResponse?) throws -> WireResponse {
    guard let response else { throw FixtureError.noAnswer }
    return response
  }

  /// The JSON events of a stream; every one is checked to be JSON, and the last to be `[DONE]`.
  func stream(_ path: String, _ body: JSONValue) throws -> [JSONValue] {
    try post(path, body).events()
  }
}

enum FixtureError: Error {
  case noAnswer
  case notAStream(String)
}

extension JSONValue {
  /// Whether an object has the member at all (`value["key"] == nil` would compare with null).
  func has(_ key: String) -> Bool { objectValue?.keys.contains(key) ?? false }
}

extension WireResponse {
  /// The body as JSON.
  func json() throws -> JSONValue {
    try JSONValue.parse(body)
  }

  /// The values of a stream of events without the final `[DONE]`.
  func events() throws -> [JSONValue] {
    let parts = text.components(separatedBy: "\n\n").filter { !$0.isEmpty && !$0.hasPrefix(":") }
    guard status == 200, parts.last == "data: [DONE]" else {
      throw FixtureError.notAStream("\(status): \(text)")
    }
    return try parts.dropLast().map { part in
      guard part.hasPrefix("data: "), !part.contains("\n") else { throw FixtureError.notAStream(part) }
      return try JSONValue.parse(String(part.dropFirst(6)))
    }
  }
}

/// A chat request with one user message and further members.
func chatBody(_ members: JSONObject = [:], text: String = "hi") -> JSONValue {
  var body: JSONObject = [
    "model": .string(ServerFixture.modelName), "messages": [["role": "user", "content": .string(text)]],
  ]
  for member in members.members { body[member.key] = member.value }
  return .object(body)
}

/// A text completion request with further members.
func completionBody(_ prompt: JSONValue = "hello", _ members: JSONObject = [:]) -> JSONValue {
  var body: JSONObject = ["model": .string(ServerFixture.modelName), "prompt": prompt]
  for member in members.members { body[member.key] = member.value }
  return .object(body)
}
