import Foundation
import QuireJSON
import QuireServing
import TestSupport
import Testing

/// The page for users says what the code does.
struct InterfaceTests {
  @Test func everyFieldIsDocumented() throws {
    let page = try String(
      contentsOfFile: TestPaths.repository + "/Sources/QuireServing/Interface.md", encoding: .utf8)
    let neutral = KnownFields.neutral + KnownFields.neutralInChat + KnownFields.neutralInCompletions
    let others = KnownFields.neutralInMessages + KnownFields.neutralInResponses
    for name in KnownFields.ignoredInMessages + KnownFields.ignoredInResponses + others.map(\.name) {
      #expect(page.contains("`\(name)`"), "\(name) is missing")
    }
    let names = KnownFields.ignored.sorted() + neutral.map(\.name) + HostileInputTests.fields
    #expect(names.count > 90)
    for name in names { #expect(page.contains("`\(name)`"), "\(name) is missing") }
  }

  /// The fields of /completion, by the page's own section.
  @Test func everyNativeFieldIsKnown() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    let page = try String(
      contentsOfFile: TestPaths.repository + "/Sources/QuireServing/Interface.md", encoding: .utf8)
    let section = try #require(
      page.components(separatedBy: "\n## ").first { $0.hasPrefix("llama-server's interface") })
    let table = try #require(
      section.components(separatedBy: "\n### ").first { $0.hasPrefix("`/completion`") })
    let names = table.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { row in
      row.split(separator: "|")[0].matches(of: /`(\w+)`/).map { String($0.1) }
    }
    #expect(names.count > 20)
    for name in names where name != "prompt" {
      let response = try fixture.post("/completion", ["prompt": "x", name: ["no": 0.5]])
      #expect(response.header("X-Quire-Ignored") == nil, "\(name) is not read")
    }
    for name in RequestCheck.nativeNames { #expect(names.contains(name), "\(name) is missing") }
  }

  /// A page that names a field the server does not know would be as bad.
  @Test func everyDocumentedFieldIsKnown() throws {
    let fixture = try ServerFixture(ScriptedGenerator { _ in [.end()] })
    let page = try String(
      contentsOfFile: TestPaths.repository + "/Sources/QuireServing/Interface.md", encoding: .utf8)
    let sections = page.components(separatedBy: "\n## ")
    func fields(of title: String) throws -> [String] {
      let section = try #require(sections.first { $0.hasPrefix(title) })
      return section.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { row in
        row.split(separator: "|")[0].split(separator: ",").map { $0.trimmingCharacters(in: [" ", "`"]) }
      }
    }
    for (path, title) in [("/v1/messages", "Anthropic"), ("/v1/responses", "OpenAI's responses")] {
      let own = try fields(of: title)
      #expect(own.count > 10)
      for field in own {
        let ignored = try fixture.post(path, .object([field: [0.5]])).header("X-Quire-Ignored")
        #expect(ignored == nil, "\(field) is not read by \(path)")
      }
    }
    // What changes an answer of a chat is not ignored where chats have another interface either.
    for (path, common) in [("/v1/messages", ["Both", "Chats"]), ("/v1/responses", ["Both", "Chats"])] {
      for field in try common.flatMap(fields) {
        let ignored = try fixture.post(path, .object([field: [0.5]])).header("X-Quire-Ignored")
        #expect(ignored == nil, "\(field) is ignored by \(path)")
      }
    }
    let both = try fields(of: "Both")
    #expect(both.count > 10)
    for (path, own) in [("/v1/chat/completions", "Chats"), ("/v1/completions", "Raw")] {
      for field in try both + fields(of: own) {
        let body =
          path.hasSuffix("chat/completions") ? chatBody([field: [0.5]]) : completionBody("x", [field: [0.5]])
        let ignored = try fixture.post(path, body).header("X-Quire-Ignored")
        #expect(ignored == nil, "\(field) is not read by \(path)")
      }
    }
  }
}
