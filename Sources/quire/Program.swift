/// The program: finds the command, runs it, turns errors into one sentence and an exit code.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage.
enum Program {
  static let version = "0.1.0"

  static let commands: [Command] = [
    .convert, .calibrate, .inspect, .verify, .generate, .chat, .serve, .evaluate, .bench, .tokenize, .render,
    .logits,
  ]

  static func run(_ words: [String]) -> Int32 {
    guard let name = words.first, name != "--help", name != "help", name != "-h" else {
      (words.isEmpty ? Terminal.error : Terminal.output)(help)
      return words.isEmpty ? 2 : 0
    }
    if name == "--version" || name == "version" {
      Terminal.outputLine("quire \(version)")
      return 0
    }
    guard let command = commands.first(where: { $0.name == name }) else {
      Terminal.errorLine(
        "quire: unknown command '\(name)'; expected one of \(commands.map(\.name).joined(separator: ", "))")
      return 2
    }
    if words.contains("--help") || words.contains("-h") {
      Terminal.output(command.help)
      return 0
    }
    do {
      try command.run(Arguments(Array(words.dropFirst()), for: command))
      return 0
    } catch let error as UsageError {
      Terminal.errorLine("quire \(error.command): \(error)")
      return 2
    } catch {
      Terminal.errorLine("quire \(command.name): \(error)")
      return 1
    }
  }

  private static var help: String {
    let width = commands.map(\.name.count).max() ?? 0
    let lines = commands.map { command in
      let gap = String(repeating: " ", count: width - command.name.count + 2)
      return "  \(command.name)\(gap)\(command.summary.split(separator: "\n")[0])"
    }
    return """
      usage: quire COMMAND … (quire COMMAND --help tells more, with an example)

      Makes Qwen3 models smaller and faster on ordinary CPUs, says what that cost, and serves the result.
      MODEL is a checkpoint folder or a .quire pack.

      \(lines.joined(separator: "\n"))

      example:
        quire convert recipes/demo/checkpoint --recipe recipes/int4.json5 --output demo.quire

      """
  }
}
