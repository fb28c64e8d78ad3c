import Foundation
import QuireGeneration
import QuireText

extension Command {
  static let chat = Command(
    name: "chat",
    summary: """
      Chats with a model in the terminal; /help lists the commands.
      Control-C stops an answer; at the prompt it ends the program. Lines can be edited with the usual keys; the arrow keys recall earlier lines.
      """,
    positionals: ["MODEL"],
    options: [.system, .thinking, .noThinking, .quiet] + samplingOptions,
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
    Terminal.errorLine(
      "\(conversation.opened.name), \(mode == .thinking ? "thinking" : "non-thinking"), context \(conversation.contextLength) tokens; /help lists commands"
    )
    Terminal.errorLine("chat format: \(conversation.opened.tokenizer.chatFormat.summary)")
  }
  var lines = ChatLines()
  while let line = lines.next() {
    guard try chat.take(line) else { return }
  }
}

/// The lines that a user types, from a terminal or a pipe.
private struct ChatLines {
  private let editor =
    Terminal.inputIsTerminal && Terminal.outputScreen.isCapable ? LineEditor() : nil

  /// nil at the end of the input. Control-C at the prompt ends the program.
  mutating func next() -> String? {
    guard let editor else {
      if Terminal.inputIsTerminal, Terminal.outputScreen.isTerminal { Terminal.output("> ") }
      return readLine()
    }
    switch editor.read(prompt: "> ") {
    case .text(let line): return line
    case .ended: return nil
    case .interrupted: endProgram(128 + SIGINT)
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
    let word = line.trimmingCharacters(in: .whitespacesAndNewlines)
    switch word {
    case "": break
    case "/exit", "/quit": return false
    case "/clear": messages = start
    case "/thinking": mode = .thinking
    case "/no-thinking": mode = .nonThinking
    case "/help":
      Terminal.errorLine(
        "/thinking and /no-thinking switch the mode, /budget N limits the reasoning to N tokens and /budget ends the limit, /clear forgets the conversation, /exit leaves"
      )
    case _ where word == "/budget" || word.hasPrefix("/budget "): setBudget(word)
    default: try answer(line)
    }
    return true
  }

  private mutating func setBudget(_ line: String) {
    guard let line = BudgetLine(line) else {
      return Terminal.errorLine(
        "/budget: expected a number of tokens or nothing, found '\(line)'; correct it")
    }
    budget = line.budget
  }

  private mutating func answer(_ line: String) throws {
    let turn = messages + [ChatMessage(role: .user, content: line)]
    let tokens = try conversation.tokens(turn, mode)
    guard tokens.count < conversation.contextLength else {
      return Terminal.errorLine(
        "the conversation would have \(tokens.count) tokens, the context holds \(conversation.contextLength); /clear forgets it"
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
