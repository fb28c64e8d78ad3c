import Foundation
import TestSupport
import Testing

/// `quire chat` on a terminal: editing, history, and Control-C.
@Suite struct ChatTerminalTests {
  private static let long = (0..<120).map { "word\($0)" }.joined(separator: " ")
  private let folder = TemporaryFolder()

  /// A chat that answers what the last character of a question decides: a short answer, or with `!` a long one.
  private func chat(_ extra: [String] = [], columns: Int = 80) throws -> TerminalSession {
    DictatingCheckpoint(nonThinking: Self.long).write(to: folder)
    let session = try #require(
      TerminalSession(["chat", folder.path, "--no-thinking", "--temperature", "0"] + extra, columns: columns))
    #expect(session.wait(for: "> "))
    return session
  }

  @Test func controlCStopsTheAnswerAndAtThePromptTheProgram() throws {
    let session = try chat()
    session.type("go\r")
    #expect(session.wait(for: "word1"))
    session.type("\u{3}")
    #expect(session.wait(for: "tokens/s"))
    let first = session.transcript
    #expect(!first.contains("word119"), "too fast to be stopped")
    // A new prompt comes, and the next question is answered.
    #expect(session.wait(for: "]\n"))
    session.type("go on\r")
    // Before the prompt Control-C would stop the answer.
    #expect(session.wait(for: "> ", after: "word119"))
    session.type("\u{3}")
    #expect(session.finish() == 130)
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func aSignalAtThePromptEndsTheProgramAndRestoresTheTerminal(_ signal: Int32) throws {
    let session = try chat()
    session.signal(signal)
    #expect(session.finish() == 128 + signal)
  }

  /// Keys, and the line that they make; the program repeats a line that begins with `/system`… by refusing it as too
  /// long would be slow, so the transcript after Return is read.
  @Test(arguments: [
    ("helo\u{1b}[D\u{1b}[Dl", "hello"),  // left
    ("bc\u{1}a\u{5}d", "abcd"),  // Control-A, Control-E
    ("\u{1b}[Hb\u{1b}[Fc\u{1b}[1~a", "abc"),  // Home, End
    ("one two\u{17}three", "one three"),  // Control-W
    ("one two\u{1b}b\u{b}x", "one x"),  // Alt-B, Control-K
    ("xyz\u{15}abc", "abc"),  // Control-U
    ("ab\u{7f}\u{7f}c", "c"),  // Backspace
    ("abc\u{1b}[D\u{1b}[3~d", "abd"),  // Delete
    ("日本語\u{1b}[D\u{7f}x", "日x語"),  // wide characters
    ("e\u{301}x\u{7f}", "e\u{301}"),  // combining mark
    ("🇩🇪🇫🇷\u{7f}x", "🇩🇪x"),  // characters of several keys
    ("\u{1b}[200~two\rlines\u{1b}[201~!", "two⏎lines!"),  // paste
    ("\u{1b}[99;99R\u{1b}Zab", "ab"),  // unknown sequences
  ])
  func keysEditTheLine(_ keys: String, line: String) throws {
    let session = try chat(["--quiet"])
    session.type(keys)
    // The line is drawn whole after each burst of keys.
    #expect(session.wait(for: "> \(line)\r", seconds: 20), "\(session.transcript.debugDescription)")
    // Control-U deletes only what is left of the cursor.
    session.type("\u{5}\u{15}\u{4}")
    #expect(session.finish() == 0)
  }

  @Test func theArrowsCallLinesBack() throws {
    let session = try chat(["--quiet"])
    for word in ["/thinking", "/no-thinking"] {
      session.type(word + "\r")
      #expect(session.wait(for: "> \(word)\r"))
    }
    session.type("dra\u{1b}[A\u{1b}[A")
    #expect(session.wait(for: "> /thinking\r"))
    session.type("\u{1b}[B\u{1b}[B")
    #expect(session.wait(for: "> dra\r"))
    session.type("\u{15}/exit\r")
    #expect(session.finish() == 0)
  }

  @Test func aLineLongerThanTheWindowIsDrawnInRows() throws {
    let session = try chat(["--quiet"], columns: 40)
    session.type(String(repeating: "abcdefghi ", count: 9))
    #expect(session.wait(for: String(repeating: "abcdefghi ", count: 9)))
    session.type("\u{1}")
    // The cursor goes up two rows to the beginning.
    #expect(session.wait(for: "\u{1b}[2A"))
    session.type("\u{15}\u{b}\u{4}")
    #expect(session.finish() == 0)
  }
}
