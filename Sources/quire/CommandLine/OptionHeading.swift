/// The heading under which help texts list an option. An option has the same heading in every command.
enum OptionHeading: String, CaseIterable {
  case configuration = "Configuration"
  case model = "Model"
  case input = "Input"
  case generation = "Generation"
  case memoryAndSpeed = "Memory and speed"
  case measurement = "Measurement"
  case access = "Access"
  case requests = "Requests"
  case output = "Output"
  case log = "Log and help"
  /// Options that no other heading names.
  case other = "Other options"

  /// The heading of the option with this name, such as "--port".
  init(of name: String) { self = Self.headings[name] ?? .other }

  private static let names: [OptionHeading: String] = [
    .configuration: "config",
    .model:
      """
    parent adapter chat-format reasoning-tags tool-format model-name model-alias any-model server server-model
    report shape scheme group
    head-scheme layers
    """,
    .input: """
    prompt system raw messages recipe calibration statistics windows tokens mode shard merge reference tasks text problems
    text-tokens decode requests tensor rows
    """,
    .generation:
      """
    thinking no-thinking thinking-budget thinking-close-message answer-reserve max-tokens temperature top-p top-k min-p
    seed no-generation-prompt
    """,
    .memoryAndSpeed:
      "context kv-cache kv-memory token-budget response-memory threads draft no-lookup no-prefix-cache",
    .measurement:
      """
    prompt-tokens generate-tokens batch repeat lookup draft-shape draft-scheme draft-head-scheme no-speed no-tasks no-text fresh plan measure gate gate-undecided
    baseline sensitivity techniques rounds no-alone
    """,
    .access: "host port allow-origin allow-host api-key api-key-file server-key-file no-slots no-page",
    .requests: "slots queue drain-seconds server-timeout",
    .output: "output force json html store format dtype gguf-type quantized-head fill-pruned",
    .log: "quiet no-request-log log-bodies no-history help",
  ]

  private static let headings: [String: OptionHeading] = {
    var headings: [String: OptionHeading] = [:]
    for (heading, words) in names {
      for word in words.split(whereSeparator: \.isWhitespace) { headings["--" + word] = heading }
    }
    return headings
  }()
}
