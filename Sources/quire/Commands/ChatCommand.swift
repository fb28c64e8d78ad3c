import Foundation
import QuireGeneration
import QuireModel
import QuireText

extension Command {
  static let chat = Command(
    name: "chat",
    summary: """
      Chats with a model in the terminal; /help lists the commands.
      Control-C stops an answer, not the program; at an empty prompt, press it twice to leave. Lines can be edited with the arrow keys, Home, End, Delete and Control-A, E, B, F, K, U, W, L; Up and Down recall earlier lines. They are kept in ~/.local/state/quire/chat-history, which only you can read.
      """,
    positionals: ["MODEL"],
    options: [
      .system, .thinking, .noThinking, .parent,
      Option("--quiet", nil, "no progress, no remarks and no speed on stderr, and in a pipe no reasoning"),
      Option("--no-history", nil, "recall only lines of this chat and write none to the history file"),
    ] + samplingOptions,
    example: "quire chat demo.quire",
    stop: .isHandled,
    run: runChat)
}

private func runChat(_ arguments: Arguments) throws {
  let mode = try arguments.mode()
  let stop = ChatStop()
  let conversation = try Conversation(arguments, needsChats: true)
  defer { conversation.engine.stop() }
  var chat = Chat(arguments, conversation, mode: mode, stop: stop)
  if !arguments.has("--quiet") {
    let format = conversation.opened.tokenizer.chatFormat.format
    let facts = [
      conversation.opened.name, format?.thinkingText(mode), "context \(conversation.contextLength) tokens",
    ]
    Terminal.errorLine("\(facts.compactMap(\.self).joined(separator: ", ")); /help lists commands")
    Terminal.errorLine("chat format: \(conversation.opened.tokenizer.chatFormat.summary)")
  }
  conversation.noteFixedMode(arguments)
  var lines = ChatLines(keepsHistory: !arguments.has("--no-history"), stop)
  var hasRefused = false
  reading: while true {
    do {
      guard let line = try lines.next() else { break reading }
      stop.beginTurn()
      guard try chat.take(line) else { break reading }
    } catch let refusal as RefusedLine {
      hasRefused = true
      Terminal.errorLine(refusal.sentence)
    }
  }
  // A user at a terminal has read the sentence; a script reads the exit code.
  if hasRefused && !Terminal.inputIsTerminal { throw ReportedFailure() }
}

/// A line of a chat that was not carried out. The chat continues with the next one.
private struct RefusedLine: Error {
  let sentence: String
}

/// The lines that a user types, from a terminal or a pipe.
private struct ChatLines {
  private let editor: LineEditor?
  private let stop: ChatStop
  private var input = InputLines()

  init(keepsHistory: Bool, _ stop: ChatStop) {
    self.stop = stop
    guard Terminal.inputIsTerminal && Terminal.outputScreen.isCapable else {
      editor = nil
      return
    }
    editor = LineEditor(file: keepsHistory ? Environment.stateFolder.map(HistoryFile.init) : nil)
  }

  /// nil at the end of the input. The first Control-C on an empty line is often one for an answer that has just ended,
  /// so only the second ends the program.
  mutating func next() throws -> String? {
    guard let editor else {
      let isAsked = Terminal.inputIsTerminal && Terminal.outputScreen.isTerminal
      stop.endTurn(asksAgain: isAsked)
      if isAsked { Terminal.output("> ") }
      guard let bytes = try input.next() else { return nil }
      guard let line = String(validating: bytes, as: UTF8.self) else {
        throw RefusedLine(
          sentence: "line \(input.number): expected UTF-8, found other bytes; convert the text")
      }
      return line
    }
    var isSecond = false
    while true {
      switch editor.read(prompt: "> ", onReady: stop.endTurn) {
      case .text(let line): return line
      case .ended: return nil
      case .discarded: isSecond = false
      case .interrupted:
        if isSecond { endProgram(128 + SIGINT) }
        isSecond = true
        Terminal.errorLine(ChatStop.hint)
      }
    }
  }
}

/// A conversation that grows turn by turn.
private struct Chat {
  private let arguments: Arguments
  private let conversation: Conversation
  private let stop: ChatStop
  private var mode: ThinkingMode
  private var budget: Int?
  private let start: [ChatMessage]
  private var messages: [ChatMessage]

  init(_ arguments: Arguments, _ conversation: Conversation, mode: ThinkingMode, stop: ChatStop) {
    self.arguments = arguments
    self.conversation = conversation
    self.mode = mode
    self.stop = stop
    budget = conversation.thinkingBudget
    start = arguments.string("--system").map { [ChatMessage(role: .system, content: $0)] } ?? []
    messages = start
  }

  /// Runs a command or answers a message; false when the user wants to leave.
  mutating func take(_ line: String) throws -> Bool {
    if line.allSatisfy(\.isWhitespace) { return true }
    switch ChatWord(line) {
    case .exit: return false
    case .clear:
      messages = start
      confirm("the conversation is forgotten")
    case .think(let mode, let message):
      self.mode = mode
      if conversation.hasModes {
        confirm("thinking is \(mode == .thinking ? "on" : "off") from now on")
      } else {
        conversation.noteFixedMode(mode == .thinking ? "/think" : "/no_think")
      }
      if !message.isEmpty { try answer(message) }
    case .help:
      Terminal.errorText(HelpList("commands", ChatWord.list).text(width: Terminal.errorScreen.width))
      let keys = Terminal.outputScreen.isCapable ? ChatWord.keys : Array(ChatWord.keys.prefix(1))
      Terminal.errorText(HelpList("keys", keys).text(width: Terminal.errorScreen.width))
    case .unknown(let word, let suggestion):
      throw RefusedLine(
        sentence:
          "unknown command \(word)\(suggestion); /help lists the commands, and a space before / sends it as a message"
      )
    case .superfluous(let word, let text):
      throw RefusedLine(
        sentence:
          "\(word): expected nothing after it, found '\(text.prefix(40))'; send it alone, or with a space before / as a message"
      )
    case .budget(let text): try setBudget(text)
    case .message: try answer(line)
    }
    return true
  }

  /// Says what a command has changed.
  private func confirm(_ sentence: String) {
    if !arguments.has("--quiet") { Terminal.errorLine(sentence) }
  }

  /// Limits the reasoning to a number of tokens; an empty text ends the limit.
  private mutating func setBudget(_ text: String) throws {
    guard !text.isEmpty else {
      budget = nil
      return confirm("the reasoning has no limit from now on")
    }
    guard let number = Int32(text.trimmingCharacters(in: .whitespaces)), number >= 0 else {
      throw RefusedLine(
        sentence: "/budget: expected a number of tokens or nothing, found '\(text)'; correct it")
    }
    budget = Int(number)
    confirm("the reasoning has at most \(number) token\(number == 1 ? "" : "s") from now on")
  }

  private mutating func answer(_ line: String) throws {
    let turn = messages + [ChatMessage(role: .user, content: line)]
    let tokens = try conversation.tokens(turn, mode)
    guard tokens.count < conversation.contextLength else {
      let isLongest = conversation.contextLength >= conversation.opened.model.configuration.contextPositions
      let advice =
        messages.count > start.count
        ? "/clear forgets it" : "shorten the message\(isLongest ? "" : " or raise --context")"
      throw RefusedLine(
        sentence:
          "the conversation would have \(tokens.count) tokens, the context holds \(conversation.contextLength); \(advice)"
      )
    }
    let isQuiet = arguments.has("--quiet")
    let printer = AnswerPrinter(.shown(showsThought: !isQuiet))
    let result = try conversation.answer(
      tokens, conversation.sampling(turn, mode, budget: budget), budget: budget, isRaw: false,
      printer: printer,
      onStart: { stop.answering($0, conversation.engine) })
    stop.answered()
    // A question that was stopped before its answer began is forgotten.
    if result.reason != .cancelled || !printer.content.isEmpty {
      messages = turn + [ChatMessage(role: .assistant, content: printer.content)]
    }
    if !isQuiet { Terminal.errorLine(result.account) }
  }
}
