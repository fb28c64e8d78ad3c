import Foundation
import TestSupport
import Testing

/// `quire chat` on a terminal: editing, history, and Control-C.
@Suite struct ChatTerminalTests {
  private static let long = (0..<240).map { "word\($0)" }.joined(separator: " ")
  private let folder = TemporaryFolder()

  /// A chat that gives the same long answer to everything; an endless one must be stopped.
  private func chat(
    _ extra: [String] = [], columns: Int = 80, isEndless: Bool = false
  ) throws -> TerminalSession {
    var checkpoint = DictatingCheckpoint(nonThinking: Self.long, isEndless: isEndless)
    // An endless answer fills the terminal's buffer (64 KiB) long before the context, so it waits to be stopped.
    if isEndless { checkpoint.base.maximumPositions = 1 << 17 }
    checkpoint.write(to: folder)
    let session = try #require(
      TerminalSession(["chat", folder.path, "--no-thinking", "--temperature", "0"] + extra, columns: columns))
    #expect(session.wait(for: "> "))
    return session
  }

  @Test func controlCStopsTheAnswerAndNotTheProgram() throws {
    let session = try chat(["--context", "131072"], isEndless: true)
    // The next question is answered, too.
    for (round, question) in ["go", "more"].enumerated() {
      session.type(question + "\r")
      #expect(session.wait(for: "word239", after: question))
      session.type("\u{3}")
      // Before the prompt Control-C would stop the answer.
      #expect(
        eventuallyRead(session) {
          let parts = $0.components(separatedBy: "tokens/s]")
          return parts.count == round + 2 && parts[round + 1].contains("> ")
        })
    }
    session.type("\u{3}")
    #expect(session.wait(for: "Control-C again, Control-D or /exit leaves"))
    // A line between them makes it the first again, and a line that was typed is dropped, not sent.
    session.type("never sent\u{3}")
    #expect(session.wait(for: "^C", after: "/exit leaves"))
    session.type("\u{3}")
    #expect(eventuallyRead(session) { $0.components(separatedBy: "/exit leaves").count == 3 })
    session.type("\u{3}")
    #expect(session.finish() == 130)
    #expect(session.transcript.components(separatedBy: "tokens/s]").count == 3)
  }

  /// Without an editor the terminal itself sends the signal and drops the line.
  @Test func controlCAsksAgainWhereNoLineCanBeEdited() throws {
    DictatingCheckpoint(nonThinking: "fine").write(to: folder)
    let words = ["chat", folder.path, "--no-thinking", "--temperature", "0"]
    let session = try #require(TerminalSession(words, environment: ["TERM": "dumb"]))
    #expect(session.wait(for: "> "))
    session.type("/help\n")
    #expect(session.wait(for: "Control-C ") && session.wait(for: "> ", after: "Control-C "))
    #expect(!session.transcript.contains("Alt-Return"))
    session.type("never sent\u{3}")
    #expect(session.wait(for: ChatHint.text))
    session.type("go\n")
    #expect(session.wait(for: "tokens/s]"))
    #expect(session.wait(for: "> ", after: "tokens/s]"))
    session.type("\u{3}")
    #expect(session.wait(for: ChatHint.text, after: "tokens/s]"))
    session.type("\u{3}")
    #expect(session.finish() == 130)
    #expect(session.transcript.components(separatedBy: "tokens/s]").count == 2)
  }

  /// The terminal takes a Control-D during an answer for the end of a line, and the next prompt for what it was.
  @Test func controlDDuringAnAnswerLeavesAfterIt() throws {
    let session = try chat(["--context", "131072", "--max-tokens", "3000"], isEndless: true)
    session.type("go\r")
    #expect(session.wait(for: "word9", after: "go"))
    session.type("\u{4}")
    #expect(session.finish() == 0)
    #expect(session.transcript.contains("3000 new tokens"))
  }

  private enum ChatHint { static let text = "Control-C again, Control-D or /exit leaves" }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
  func aSignalAtThePromptEndsTheProgramAndRestoresTheTerminal(_ signal: Int32) throws {
    let session = try chat()
    session.signal(signal)
    #expect(session.finish() == 128 + signal)
    // Bracketed paste was turned on, and off again.
    let modes = session.transcript.matches(of: /\u{1b}\[\?2004[hl]/).map { String($0.output) }
    #expect(modes == ["\u{1b}[?2004h", "\u{1b}[?2004l"])
  }

  /// Bytes that are not UTF-8 are left out with a sentence, and the key after them has its effect.
  @Test(
    arguments: [
      [0xE9], [0xC3], [0x80], [0xF5], [0xE2, 0x82],
      Array("\u{1b}[200~x".utf8) + [0xE9] + Array("\u{1b}[201~".utf8),
    ] as [[UInt8]])
  func keysThatAreNotUTF8AreRefused(_ bytes: [UInt8]) throws {
    let session = try chat(["--quiet"])
    session.type(bytes: Array("/hel".utf8) + bytes + Array("p\r".utf8))
    #expect(session.wait(for: "> ", after: "Alt-Return"), "\(session.transcript.debugDescription)")
    #expect(session.transcript.contains("expected keys or pasted text in UTF-8"))
    #expect(!session.transcript.contains("\u{FFFD}"))
    session.type("\u{4}")
    #expect(session.finish() == 0)
  }

  /// The key after a sequence that has no end is not part of it.
  @Test(arguments: ["\u{1b}[1", "\u{1b}[", "\u{1b}\u{1b}[D\u{1b}[C"])
  func aCutSequenceSwallowsNoKey(_ sequence: String) throws {
    let session = try chat(["--quiet"])
    session.type("/help" + sequence + "\r")
    #expect(session.wait(for: "> ", after: "Alt-Return"), "\(session.transcript.debugDescription)")
    session.type("\u{4}")
    #expect(session.finish() == 0)
  }

  /// A recalled line that was changed is found again as it was left; after a line is sent, as it was sent.
  @Test func aChangedLineOfTheHistoryIsKept() throws {
    let session = try chat(["--quiet"])
    for word in ["/thinking", "/no-thinking"] {
      session.type(word + "\r")
      #expect(session.wait(for: "> \(word)\r"))
    }
    session.type("\u{1b}[Ax\u{1b}[A\u{1b}[B")
    #expect(session.wait(for: "> /no-thinkingx\r"))
    session.type("\u{1b}[B\u{15}/clear\r")
    #expect(session.wait(for: "> /clear\r"))
    let before = session.transcript.count
    session.type("\u{1b}[A\u{1b}[A")
    #expect(eventuallyRead(session) { $0.dropFirst(before).contains("> /no-thinking\r") })
    session.type("\u{15}/exit\r")
    #expect(session.finish() == 0)
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
    ("one\u{1b}\rtwo", "one⏎two"),  // Alt-Return
  ])
  func keysEditTheLine(_ keys: String, line: String) throws {
    let session = try chat(["--quiet"])
    session.type(keys)
    // The line is drawn whole after each burst of keys.
    #expect(session.wait(for: "> \(line)\r"), "\(session.transcript.debugDescription)")
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

  /// Lines of earlier chats come back, from a file of the user's own; `--no-history` reads and writes none.
  @Test func theHistoryOutlivesTheProgram() throws {
    DictatingCheckpoint(nonThinking: "Yes.").write(to: folder)
    let state = TemporaryFolder()
    func open(_ extra: [String] = []) throws -> TerminalSession {
      let words = ["chat", folder.path, "--no-thinking", "--temperature", "0", "--quiet"]
      let session = try #require(TerminalSession(words + extra, state: state))
      #expect(session.wait(for: "> "))
      return session
    }
    let path = state.path + "/quire/chat-history"
    let hidden = try open(["--no-history"])
    hidden.type("secret\r/exit\r")
    #expect(hidden.finish() == 0 && !FileManager.default.fileExists(atPath: path))
    let first = try open()
    first.type("one \"word\"\r")
    #expect(first.wait(for: "> ", after: "Yes."))
    first.type("\u{1b}[200~two\rlines\u{1b}[201~\r/exit\r")
    #expect(first.finish() == 0)
    #expect(
      try String(contentsOfFile: path, encoding: .utf8) == #""one \"word\"""#
        + "\n\"two\\nlines\"\n\"/exit\"\n")
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    // Lines that are no JSON strings are skipped.
    try Data("garbage\n[1]\n\"kept\"\n".utf8).write(to: URL(fileURLWithPath: path))
    let second = try open()
    second.type("\u{1b}[A\u{1b}[A\u{1b}[A")
    #expect(second.wait(for: "> kept\r"))
    second.type("\u{15}\u{4}")
    #expect(second.finish() == 0)
    // A link or a folder in its stead is left alone.
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createSymbolicLink(
      atPath: path, withDestinationPath: folder.path + "/config.json")
    let before = try folder.bytes("config.json")
    let third = try open()
    third.type("x\r/exit\r")
    #expect(third.finish() == 0)
    #expect(try folder.bytes("config.json") == before)
  }

  @Test func slashCommands() throws {
    let session = try chat()
    session.type("/hlep\r")
    #expect(session.wait(for: "unknown command /hlep, did you mean /help"))
    session.type("/help\r")
    #expect(session.wait(for: "Alt-Return"))
    let list = session.transcript.components(separatedBy: "commands:\n").last ?? ""
    #expect(list.split(separator: "\n").allSatisfy { $0.count <= 80 })
    for word in ["/think", "/no_think", "/thinking", "/no-thinking", "/clear"] {
      #expect(session.transcript.contains(word))
    }
    // With a text after it, the switch answers the text; a path is a message.
    session.type("/no_think go\r")
    #expect(session.wait(for: "tokens/s]", after: "word239"))
    let asked = session.transcript.components(separatedBy: "prompt tokens").count
    session.type("/etc/hosts is a file\r")
    #expect(session.wait(for: "/etc/hosts"))
    #expect(eventuallyRead(session) { $0.components(separatedBy: "prompt tokens").count == asked + 1 })
    session.type("/exit\r")
    #expect(session.finish() == 0)
  }

  /// Reads until the transcript has the property.
  private func eventuallyRead(_ session: TerminalSession, _ condition: (String) -> Bool) -> Bool {
    for _ in 0..<300 {
      if condition(session.transcript) { return true }
      _ = session.wait(for: "\u{0}", seconds: 0.2)
    }
    return false
  }

  /// The line is drawn again when the window changes its width: from its first row, in the new number of rows.
  @Test func aNarrowerWindowIsDrawnAgain() throws {
    let session = try chat(["--quiet"], columns: 80)
    session.type(String(repeating: "ab ", count: 30))
    #expect(session.wait(for: String(repeating: "ab ", count: 26)))
    let before = session.transcript.count
    session.resize(columns: 30)
    // 92 columns are four rows of 30; the cursor is in the last.
    #expect(eventuallyRead(session) { $0.dropFirst(before).contains("\r\u{1b}[3A\u{1b}[J> ab ab") })
    session.type("\u{15}日本語\u{4}")
    #expect(session.wait(for: "> 日本語\r"))
    session.type("\u{15}\u{4}")
    #expect(session.finish() == 0)
  }

  /// A line with more rows than the window is drawn in part, so that it never scrolls out of reach.
  @Test func aLineHigherThanTheWindowIsDrawnInPart() throws {
    let session = try chat(["--quiet"], columns: 40)
    session.resize(columns: 40, rows: 5)
    session.type((0..<100).map { "word\($0)" }.joined(separator: " "))
    #expect(session.wait(for: "word99\r"))
    let before = session.transcript.count
    session.type("\u{1}")
    #expect(eventuallyRead(session) { $0.dropFirst(before).contains("> word0 ") })
    #expect(session.transcript.matches(of: /\u{1b}\[(\d+)A/).allSatisfy { (Int($0.1) ?? 9) <= 4 })
    session.type("\u{b}\u{4}")
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
