import QuireEvaluation
import QuirePacks
import QuireText

/// The program: finds the command, runs it, turns errors into one message and an exit code.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM, 141 output pipe
/// closed.
enum Program {
  static let version = "0.1.0"

  /// All commands, under the headings of `quire --help`.
  static let groups: [(heading: String, commands: [Command])] = [
    ("Make a pack", [.convert, .calibrate, .delta, .flatten]),
    ("Use a model", [.generate, .chat, .serve]),
    ("Measure", [.evaluate, .report, .ablate, .bench]),
    ("Write for other programs", [.export]),
    ("Look inside", [.inspect, .verify, .tokenize, .render, .logits]),
  ]
  static let commands: [Command] = groups.flatMap(\.commands)

  /// Runs the command line. Swift would replace invalid UTF-8 in it, which changes prompts and paths, so it is refused.
  static func run() -> Int32 {
    var words: [String] = []
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let bytes = CommandLine.unsafeArgv[index], let word = String(validatingCString: bytes) else {
        Terminal.errorLine("quire: expected UTF-8, found other bytes in argument \(index); correct it")
        return 2
      }
      words.append(word)
    }
    return run(words)
  }

  private static func run(_ words: [String]) -> Int32 {
    guard let name = words.first, !["--help", "-h"].contains(name) else {
      (words.isEmpty ? Terminal.errorText : Terminal.report)(help(width: Terminal.outputScreen.width))
      return words.isEmpty ? 2 : 0
    }
    if name == "help" { return showHelp(Array(words.dropFirst())) }
    if name == "--version" || name == "version" {
      if words.count > 1 { return refuseExtra(words[1], after: name) }
      Terminal.outputLine("quire \(version)")
      return 0
    }
    guard let command = commands.first(where: { $0.name == name }) else { return refuse(name) }
    if words.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
      Terminal.report(command.help(width: Terminal.outputScreen.width))
      return 0
    }
    return run(command, Array(words.dropFirst()))
  }

  private static func run(_ command: Command, _ words: [String]) -> Int32 {
    VariableSettings.showNotices(for: command.name, among: commands)
    do {
      let arguments = try Arguments(words, for: command)
      if case .ends(let advice) = command.stop {
        // Nothing of an output to a stream is kept for a later run.
        let isKept = arguments.string("--output").map(StreamOutput.isStream) != true
        StopSignals().answer(
          for: command.name, outputs: arguments.outputs, advice: isKept ? advice : Command.Stop.startAgain)
      }
      ParentSearch.standard = try arguments.parentSearch()
      try command.run(arguments)
      return Terminal.exitCode
    } catch let error as UsageError {
      return refuse(error.description, by: error.command ?? command.name)
    } catch let error as EvaluationError where error.isUsage {
      return refuse(error.description, by: command.name)
    } catch let error as SpeedError where error.isUsage {
      return refuse(error.description, by: command.name)
    } catch is ReportedFailure {
      return 1
    } catch {
      Terminal.errorLine("quire \(command.name): \(error)")
      return 1
    }
  }

  private static func refuse(_ sentence: String, by command: String) -> Int32 {
    Terminal.errorLine("quire \(command): \(sentence)")
    return 2
  }

  private static func showHelp(_ words: [String]) -> Int32 {
    let command = commands.first { $0.name == words.first }
    // `help` and `version` have no options of their own.
    if let name = words.first, command == nil, !["help", "version"].contains(name) { return refuse(name) }
    if words.count > 1 { return refuseExtra(words[1], after: "help \(words[0])") }
    let width = Terminal.outputScreen.width
    Terminal.report(command?.help(width: width) ?? help(width: width))
    return 0
  }

  private static func refuseExtra(_ word: String, after words: String) -> Int32 {
    Terminal.errorLine("quire \(words): expected nothing more, found '\(word)'; leave it out")
    return 2
  }

  private static func refuse(_ name: String) -> Int32 {
    let names = commands.map(\.name)
    let guess = Suggestion.clause(for: name, among: names + ["help", "version"])
    Terminal.errorLine(
      "quire: unknown command '\(name)'\(guess); expected one of \(names.joined(separator: ", "))")
    return 2
  }

  private static func help(width: Int) -> String {
    let lists = HelpList.aligned(
      groups.map { heading, commands in
        HelpList(heading, commands.map { ($0.name, String($0.summary.split(separator: "\n")[0])) })
      })
    let introduction = """
      usage: quire COMMAND … (quire COMMAND --help lists its options and an example)

      Makes Qwen3 models smaller and faster on ordinary CPUs, measures what each step costs, and serves the result.
      MODEL is a checkpoint folder, a .gguf file or a .quire pack.

      """
    let codes = """

      exit codes: 0 done, 1 failed, 2 wrong usage, 129 stopped by SIGHUP, 130 by SIGINT, 143 by SIGTERM, 141 output pipe closed.

      """
    return introduction.wrapped(width: width) + "\n"
      + lists.map { $0.text(width: width) }.joined(separator: "\n") + codes.wrapped(width: width)
        + """

        example:
          quire convert recipes/demo/checkpoint --recipe int4 --output demo.quire

        """
  }
}
