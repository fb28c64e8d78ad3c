import QuireJSON
import QuireServing
import QuireText
import TestSupport
import Testing

/// What evaluation harnesses learn about the tokenizer.
@Suite(.timeLimit(.minutes(5)))
struct TokenizerInfoTests {
  /// Newer checkpoints keep the template in a file of its own.
  @Test func aTemplateFileIsPartOfTheInformation() throws {
    let folder = TemporaryFolder()
    TinyTokenizer.write(to: folder)
    let template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    folder.write(template.utf8, to: "chat_template.jinja")
    let server = try Server(
      engine: ScriptedGenerator(), tokenizer: Tokenizer(folder: folder.path),
      options: ServerOptions(port: 0, modelName: "tiny"))
    try server.start()
    defer { server.drainAndStop(patience: .zero) }
    let response = try #require(exchangeOnce(port: server.port, "GET", "/tokenizer_info"))
    let info = try JSONValue.parse(response.body)
    #expect(response.status == 200 && info["chat_template"] == .string(template))
    #expect(info["eos_token"]?.stringValue != nil)
  }
}
