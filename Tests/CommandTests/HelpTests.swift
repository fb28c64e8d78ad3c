import Foundation
import TestSupport
import Testing

/// The help of commands: options under headings, readable in a window of 80 columns.
@Suite struct HelpTests {
  /// The headings of a help text and the names below each.
  private static func sections(_ text: String) -> [(heading: String, names: [String])] {
    var sections: [(heading: String, names: [String])] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if let heading = line.firstMatch(of: /^([A-Z][a-z ]+|options|example|usage):/) {
        sections.append((String(heading.1), []))
      } else if !sections.isEmpty, let name = line.firstMatch(of: /^  ((--)?[a-z0-9-]+)/) {
        sections[sections.count - 1].names.append(String(name.1))
      }
    }
    return sections
  }

  @Test(arguments: UsageTests.promised.keys.sorted())
  func everyOptionIsBelowAHeadingOnce(_ command: String) throws {
    let help = try BuiltProgram.quire.run([command, "--help"], environment: ["COLUMNS": "80"]).output
    #expect(
      help.split(separator: "\n").allSatisfy { $0.count <= 80 || $0.hasPrefix("  ") && $0.contains("quire ") }
    )
    let sections = Self.sections(help).filter { $0.names.contains { $0.hasPrefix("--") } }
    #expect(!sections.contains { $0.heading == "Other options" }, "\(sections)")
    let names = sections.flatMap(\.names)
    #expect(Set(names).count == names.count && names.contains("--help"))
    #expect(names.count <= 5 ? sections.count == 1 : sections.count > 1)
  }

  @Test func optionsOfAServerAreGrouped() throws {
    let sections = Self.sections(try BuiltProgram.quire.run("serve", "--help").output)
    func names(_ heading: String) -> [String] { sections.first { $0.heading == heading }?.names ?? [] }
    #expect(names("Access").contains("--host") && names("Access").contains("--allow-origin"))
    #expect(
      names("Memory and speed").contains("--kv-memory") && names("Memory and speed").contains("--threads"))
    #expect(names("Model").contains("--model-name") && names("Configuration") == ["--config"])
    #expect(names("Log and help").last == "--help")
    // The same option is below the same heading everywhere.
    let generate = Self.sections(try BuiltProgram.quire.run("generate", "--help").output)
    #expect(generate.first { $0.names.contains("--threads") }?.heading == "Memory and speed")
    #expect(generate.first { $0.names.contains("--temperature") }?.heading == "Generation")
  }

  @Test func commandsAreGrouped() throws {
    let sections = Self.sections(try BuiltProgram.quire.run("--help").output)
    #expect(sections.first { $0.names.contains("serve") }?.names == ["generate", "chat", "serve"])
    #expect(sections.first { $0.names.contains("convert") }?.heading == "Make a pack")
    let session = try #require(TerminalSession(["serve", "--help"], columns: 80))
    #expect(session.finish() == 0 && session.linesTooWide == [])
  }
}
