/// One of the program's commands: what `--help` says about it, which arguments it takes, what it does.
struct Command: Sendable {
  struct Option: Sendable {
    let name: String  // "--threads"
    let value: String?  // what the value is, "N"; nil for a switch
    let help: String

    init(_ name: String, _ value: String? = nil, _ help: String) {
      self.name = name
      self.value = value
      self.help = help
    }
  }

  let name: String
  let summary: String
  let positionals: [String]
  let options: [Option]
  let example: String
  let run: @Sendable (Arguments) throws -> Void

  /// The text of `quire NAME --help`.
  var help: String {
    let places = positionals.map { " " + $0 }.joined()
    var text = "usage: quire \(name)\(places)\(options.isEmpty ? "" : " [options]")\n\n\(summary)\n"
    let shown = options + [Option("--help", nil, "show this text")]
    let spellings = shown.map { $0.name + ($0.value.map { " " + $0 } ?? "") }
    let width = spellings.map(\.count).max() ?? 0
    text += "\noptions:\n"
    for (option, spelling) in zip(shown, spellings) {
      text += "  " + spelling + String(repeating: " ", count: width - spelling.count + 2) + option.help + "\n"
    }
    return text + "\nexample:\n  \(example)\n"
  }
}

/// Options that several commands share, so that they read the same everywhere.
extension Command.Option {
  static let threads = Self("--threads", "N", "threads to compute with (default: all cores)")
  static let quiet = Self("--quiet", nil, "no progress on stderr")
  static let json = Self("--json", nil, "print JSON instead of text")
  static let thinking = Self("--thinking", nil, "let the model think before it answers (default)")
  static let noThinking = Self("--no-thinking", nil, "answer at once")
  static let maximumTokens = Self(
    "--max-tokens", "N", "tokens to generate at most (default: what the context holds)")
  static let temperature = Self(
    "--temperature", "X",
    "0 is greedy (default: the model's generation_config.json, else 0.6 thinking, 0.7 non-thinking)")
  static let topP = Self("--top-p", "X", "keep the likeliest tokens up to this probability")
  static let topK = Self("--top-k", "N", "keep the N likeliest tokens; 0 keeps all")
  static let minP = Self("--min-p", "X", "drop tokens below this share of the likeliest")
  static let seed = Self("--seed", "N", "makes sampling repeatable")
  static let context = Self(
    "--context", "N", "longest prompt plus answer in tokens (default: the model's, at most 8192)")
  static let cacheType = Self("--kv-cache", "TYPE", "float16 (default), int8 or float32")
  static let noLookup = Self(
    "--no-lookup", nil, "do not draft tokens from the text itself; answers are the same either way")
  static let system = Self("--system", "TEXT", "a system message before the prompt")
}
