import QuireText

/// A line of a chat that begins with a slash: a command, with the text that follows it.
///
/// A first word with a second slash, such as a path, is no command, and a space before the slash makes any line a
/// message.
enum ChatWord {
  case message
  case think(ThinkingMode, message: String)
  /// A limit on the reasoning, with the text that follows the command.
  case budget(String)
  case clear, help, exit
  /// A command with text after it that takes none.
  case superfluous(String, text: String)
  /// A command that does not exist, with the most similar one.
  case unknown(String, suggestion: String)

  init(_ line: String) {
    let parts = line.split(maxSplits: 1, whereSeparator: \.isWhitespace)
    guard line.hasPrefix("/"), let first = parts.first, !first.dropFirst().contains("/"), first.count > 1
    else {
      self = .message
      return
    }
    let rest = parts.count > 1 ? String(parts[1]) : ""
    if Self.bareWords.contains(String(first)), !rest.allSatisfy(\.isWhitespace) {
      self = .superfluous(String(first), text: rest)
      return
    }
    switch first {
    case "/think", "/thinking": self = .think(.thinking, message: rest)
    case "/no_think", "/no-think", "/no-thinking": self = .think(.nonThinking, message: rest)
    case "/budget": self = .budget(rest)
    case "/clear": self = .clear
    case "/help": self = .help
    case "/exit", "/quit": self = .exit
    default:
      self = .unknown(
        String(first),
        suggestion: Suggestion.clause(
          for: String(first), among: Self.list.map { String($0.0.prefix { $0 != " " }) } + ["/quit"]))
    }
  }

  private static let bareWords = ["/clear", "/help", "/exit", "/quit"]

  /// The commands and what they do, for `/help`.
  static let list: [(String, String)] = [
    ("/think", "thinking on; /think TEXT also sends TEXT; /thinking is the same"),
    ("/no_think", "thinking off, likewise; /no-thinking is the same"),
    ("/budget N", "reasoning of at most N tokens; /budget alone ends the limit"),
    ("/clear", "forget the conversation"),
    ("/help", "this list"),
    ("/exit", "leave; also /quit and Control-D"),
  ]

  static let keys: [(String, String)] = [
    (
      "Control-C",
      "stops the answer; at the prompt it empties the line; on an empty line, press it twice to leave"
    ),
    ("Up, Down", "earlier lines"),
    ("Alt-Return", "a new line in the message; pasted lines stay one message"),
  ]
}
