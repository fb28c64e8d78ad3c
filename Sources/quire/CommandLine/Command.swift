import QuireText

/// One of the program's commands: its help text, its arguments and its action.
struct Command: Sendable {
  struct Option: Sendable {
    let name: String  // "--threads"
    let value: String?  // what the value is, "N"; nil for a switch
    let help: String
    let short: String?  // "-p"
    /// Whether it may be given more than once with different values, which then all count.
    let isRepeatable: Bool

    init(
      _ name: String, _ value: String? = nil, _ help: String, short: String? = nil, isRepeatable: Bool = false
    ) {
      self.name = name
      self.value = value
      self.help = help
      self.short = short
      self.isRepeatable = isRepeatable
    }
  }

  let name: String
  let summary: String
  let positionals: [String]
  let options: [Option]
  let example: String
  /// The effect of SIGINT and SIGTERM on the command.
  var stop = Stop.ends(advice: "")
  let run: @Sendable (Arguments) throws -> Void

  enum Stop {
    /// Ends the command with a message that ends with this advice.
    case ends(advice: String)
    /// The command handles the signals itself.
    case isHandled

    static let startAgain = "nothing was written, so run it again from the start"
  }

  /// The text of `quire NAME --help`, in lines of at most `width` columns.
  func help(width: Int) -> String {
    let words = positionals.map { " " + $0 }.joined()
    let usage = "usage: quire \(name)\(words)\(options.isEmpty ? "" : " [options]")"
    return "\(usage)\n\n\(summary)\n".wrapped(width: width)
      + "\n" + optionLists.map { $0.text(width: width) }.joined(separator: "\n")
      + "\nexample:\n  \(example)\n"
  }

  /// The options under their headings; a short list has only one.
  private var optionLists: [HelpList] {
    let shown = options + [Option("--help", nil, "show this text")]
    if shown.count <= 5 { return [HelpList("options", shown.map(\.entry))] }
    let sections = OptionHeading.allCases.map { heading in
      HelpList(heading.rawValue, shown.filter { OptionHeading(of: $0.name) == heading }.map(\.entry))
    }
    return HelpList.aligned(sections.filter { !$0.isEmpty })
  }
}

extension Command.Option {
  /// "--prompt TEXT" and the meaning.
  fileprivate var entry: (String, String) {
    let marks = (isRepeatable ? " (repeatable)" : "") + (short.map { "; also \($0)" } ?? "")
    return (name + (value.map { " " + $0 } ?? ""), help + marks)
  }
}

/// Names and their descriptions in two columns, below a heading.
struct HelpList {
  private let heading: String
  private let entries: [(name: String, meaning: String)]
  private var nameWidth: Int

  init(_ heading: String, _ entries: [(String, String)]) {
    self.heading = heading
    self.entries = entries.map { (name: $0.0, meaning: $0.1) }
    nameWidth = self.entries.map(\.name.displayWidth).max() ?? 0
  }

  var isEmpty: Bool { entries.isEmpty }

  /// The lists with their descriptions in one column.
  static func aligned(_ lists: [HelpList]) -> [HelpList] {
    let nameWidth = lists.map(\.nameWidth).max() ?? 0
    return lists.map {
      var list = $0
      list.nameWidth = nameWidth
      return list
    }
  }

  /// In lines of at most `width` columns; long descriptions continue in their own column.
  func text(width: Int) -> String { "\(heading):\n" + rows(width: width) }

  private func rows(width: Int) -> String {
    let indent = nameWidth + 4
    // In a narrow window, where two columns do not fit, the description is below the name.
    let isNarrow = width - indent < 24
    return entries.map { name, meaning in
      let left = isNarrow ? 6 : indent
      let lines = meaning.wrapped(width: width - left - 2).split(separator: "\n")
        .map { $0.drop { $0 == " " } }
      let gap = isNarrow ? "\n      " : String(repeating: " ", count: indent - 2 - name.displayWidth)
      return "  " + name + gap + lines.joined(separator: "\n" + String(repeating: " ", count: left)) + "\n"
    }.joined()
  }
}

/// Options that several commands share, so that they read the same everywhere.
extension Command.Option {
  static let chatFormat = Self(
    "--chat-format", "NAME",
    "how chats are rendered: qwen3: Qwen3's chat format, even if the model has another template; template: the template that "
      + "comes with the model (default: qwen3 for Qwen3's published templates, template for others)")
  static let reasoningTags = Self(
    "--reasoning-tags", "TAGS",
    "the tags around a thought with a space between them, \"<think> </think>\", or none (default: found in the template)"
  )
  static let toolFormat = Self(
    "--tool-format", "NAME",
    "how answers spell tool calls: \(ToolCallForm.allCases.map(\.name).joined(separator: ", ")) (default: found in the "
      + "template)")
  static let adapter = Self(
    "--adapter", "DIR",
    "a LoRA adapter in PEFT's layout to merge into the weights of a checkpoint; several are added in order",
    isRepeatable: true)
  static let threads = Self(
    "--threads", "N",
    "threads to compute with (default: the physical cores that this process may use; at most its processors)")
  static let parent = Self(
    "--parent", "FILE",
    "the pack from which a delta pack takes tensors, or that pack's folder (default: the delta pack's folder); "
      + "also the variable QUIRE_PARENT", isRepeatable: true)
  static let quiet = Self("--quiet", nil, "no progress on stderr")
  static let quietResult = Self(
    "--quiet", nil, "no progress and no line about the result; warnings remain")
  static let quietPlan = Self(
    "--quiet", nil, "no progress, no plan before the work and no line about its result; warnings remain")
  static let config = Self(
    "--config", "FILE",
    "options from a JSON5 file, {port: 8081, slots: 8}; QUIRE_PORT=8081 also sets one; the command line takes precedence "
      + "over variables, variables over the file")
  static let force = Self("--force", nil, "replace a file that exists; an input never is")
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
  static let draft = Self(
    "--draft", "MODEL",
    "a smaller model with the same tokenizer, or the folder of an EAGLE-3 head for MODEL: it drafts tokens for MODEL to "
      + "check, when that is faster; answers are the same either way")
  static let noPrefixCache = Self(
    "--no-prefix-cache", nil,
    "compute every prompt completely and reuse nothing of earlier ones; the answers are the same"
  )
  static let system = Self("--system", "TEXT", "a system message before the prompt")
}
