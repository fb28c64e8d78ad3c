import QuireJSON
import QuireText
import Testing

/// Templates written for each construct, against what `transformers` renders (`tools/make-template-goldens`).
@Suite struct TemplateGoldenTests {
  @Test func agreesWithTheGoldens() throws {
    let goldens = try DemoData.json("template.json")
    let cases = try #require(goldens["cases"]?.arrayValue)
    #expect(cases.count >= 200)
    for golden in cases {
      let name = golden["id"]?.stringValue ?? "?"
      let outcome = outcome(golden["template"]?.stringValue ?? "", goldens)
      if let text = golden["text"]?.stringValue {
        #expect(outcome.text.map { Array($0.utf8) } == Array(text.utf8), "\(name): \(outcome)")
      } else if let message = golden["raised"]?.stringValue {
        #expect(outcome.fault?.kind == .raised && outcome.fault?.message == message, "\(name): \(outcome)")
      } else {
        #expect(outcome.fault != nil, "\(name): \(outcome)")
      }
    }
  }

  private func outcome(_ template: String, _ goldens: JSONValue) -> (text: String?, fault: TemplateFault?) {
    do throws(TemplateFault) {
      var chat = TemplateChat(messages: goldens["messages"] ?? .null, tools: goldens["tools"])
      chat.addGenerationPrompt = true
      chat.arguments = goldens["variables"]?.objectValue ?? [:]
      return (try ChatTemplateProgram(template).render(chat).text, nil)
    } catch {
      return (nil, error)
    }
  }
}
