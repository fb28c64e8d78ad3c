import Foundation
import TestSupport
import Testing

/// The command line itself: names, options, help and exit codes.
@Suite struct UsageTests {
  private static let quire = BuiltProgram.quire

  /// The commands and options that users and scripts hold on to, as words that miss nothing but the model.
  static let promised: [String: [String]] = [
    "convert": ["none", "--recipe", "R", "--output", "P.quire"],
    "calibrate": [
      "none", "--calibration", "T.txt", "--windows", "4", "--tokens", "64", "--seed", "2", "--output",
      "S.safetensors", "--quiet",
    ],
    "inspect": ["none", "--json"],
    "verify": ["none", "--quiet"],
    "delta": ["none", "--parent", ".", "--output", "D.quire", "--quiet"],
    "flatten": ["none", "--parent", ".", "--output", "P.quire", "--quiet"],
    "export": [
      "none", "--format", "compressed-tensors", "--output", "F", "--dtype", "float32", "--fill-pruned",
      "--quantized-head", "--plan",
    ],
    "generate": [
      "none", "--prompt", "T", "--thinking", "--max-tokens", "5", "--temperature", "0.5", "--seed", "3",
      "--json", "--quiet",
    ],
    "chat": ["none", "--no-thinking", "--quiet"],
    "serve": ["none", "--host", "127.0.0.1", "--port", "8080", "--quiet"],
    "evaluate": [
      "none", "--reference", "none", "--tasks", "T.jsonl", "--text", "T.txt", "--json", "bill.json",
      "--quiet",
    ],
    "report": ["none", "--html", "F.html", "--gate", "kl<=1", "--gate-undecided", "pass"],
    "ablate": ["none", "--techniques", "weights,lookup", "--rounds", "2", "--no-alone", "--quiet"],
    "bench": [
      "none", "--prompt-tokens", "512", "--generate-tokens", "64", "--batch", "1,4,16", "--json", "--quiet",
    ],
    "tokenize": ["none", "--decode"],
    "render": ["none", "--messages", "M.json", "--no-thinking", "--no-generation-prompt"],
    "logits": ["none", "--tokens", "1,2,3", "--output", "F.safetensors"],
  ]

  /// The names that `quire --help` lists.
  static let listed: [String] = {
    let lines =
      (try? quire.run(["--help"], environment: ["COLUMNS": "400"]).output.split(separator: "\n")) ?? []
    return lines.filter { $0.hasPrefix("  ") && !$0.hasPrefix("  quire") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
  }()

  @Test func theHelpListsEveryCommand() throws {
    #expect(Set(Self.listed) == Set(Self.promised.keys))
    for words in [["--help"], ["-h"], ["help"], ["help", "help"], ["help", "version"]] {
      let outcome = try Self.quire.run(words)
      #expect(outcome.status == 0 && outcome.errors == "")
      #expect(outcome.output.contains("\nexample:\n  quire convert "))
    }
    let nothing = try Self.quire.run([])
    #expect(nothing.status == 2 && nothing.output == "")
    #expect(nothing.errors == (try Self.quire.run("--help").output))
  }

  @Test(arguments: promised.keys.sorted())
  func helpShowsOptionsAndAnExampleThatIsAccepted(_ command: String) throws {
    let help = try Self.quire.run(command, "--help")
    #expect(help.status == 0 && help.errors == "")
    #expect(help.output.hasPrefix("usage: quire \(command) "))
    for option in try #require(Self.promised[command]).filter({ $0.hasPrefix("--") }) {
      #expect(help.output.contains("\n  \(option) "), "\(option)")
    }
    let example = try #require(help.output.components(separatedBy: "\nexample:\n  ").last)
      .trimmingCharacters(in: .newlines)
    #expect(example.contains("quire \(command) "))
    // In an empty folder no model is there and no instruction set is left: the words are read, no work is done.
    let shell = try #require(Tool("sh"))
    let path = URL(fileURLWithPath: Self.quire.path).deletingLastPathComponent().path
    let search = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let empty = TemporaryFolder()
    let outcome = try shell.run(
      ["-c", example], environment: ["PATH": path + ":" + search, "QUIRE_ISA": "mmx"], folder: empty.path)
    expectRefusal(outcome, by: command, [])
  }

  @Test(arguments: promised.keys.sorted())
  func promisedOptionsAreAcceptedAndTheMissingModelIsTold(_ command: String) throws {
    let folder = TemporaryFolder()
    let outcome = try Self.quire.run(
      [command] + (try #require(Self.promised[command])), folder: folder.path)
    let parts =
      switch command {
      case "verify", "delta", "flatten":
        ["expected a readable pack at none", "found: no such file", "give the path of a .quire file"]
      case "report":
        ["expected a report of an evaluation at none, found no such file", "quire evaluate --json"]
      default:
        ["expected a checkpoint folder, a GGUF file or a ", " pack at none, found nothing", "check the path"]
      }
    expectRefusal(outcome, by: command, parts)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  @Test(arguments: promised.keys.sorted())
  func wordsThatNoCommandTakes(_ command: String) throws {
    func expectUsage(_ words: [String], _ sentence: String) throws {
      let outcome = try Self.quire.run([command] + words)
      #expect(outcome.status == 2 && outcome.output == "", "\(words)")
      #expect(outcome.errors == "quire \(command): \(sentence)\n")
    }
    let help = "; see quire \(command) --help"
    try expectUsage(["m", "--frobnicate"], "unknown option --frobnicate" + help)
    try expectUsage(["m", "--frobnicate=3"], "unknown option --frobnicate" + help)
    let place =
      switch command {
      case "convert": "CHECKPOINT"
      case "calibrate": "CHECKPOINT|FILE…"
      case "verify", "delta", "flatten": "PACK"
      case "bench": "[MODEL]"
      case "evaluate": "MODEL…"
      case "report": "REPORT.json"
      case "generate": "MODEL [PROMPT]"
      default: "MODEL"
      }
    // Statistics of any number of files can be merged, and any number of models compared.
    if !["calibrate", "evaluate"].contains(command) {
      try expectUsage(["m", "n", "o"], "expected \(place), found m n o" + help)
    }
    if command != "bench" { try expectUsage([], "expected \(place), found none" + help) }
  }

  struct Slip: Sendable, CustomTestStringConvertible {
    let words: [String]
    let sentence: String
    var testDescription: String { words.joined(separator: " ") }
  }

  static let slips: [Slip] = [
    .init(words: ["verify", "m", "--quiet=yes"], sentence: "--quiet: expected true or false, found 'yes'"),
    .init(
      words: ["generate", "m", "--prompt"],
      sentence: "--prompt needs a value (TEXT); see quire generate --help"),
    .init(words: ["generate", "m"], sentence: "--prompt is missing; see quire generate --help"),
    .init(
      words: ["convert", "m", "--recipe", "r"], sentence: "--output is missing; see quire convert --help"),
    .init(
      words: ["calibrate", "m", "--recipe", "r"],
      sentence: "--output is missing; see quire calibrate --help"),
    .init(
      words: ["calibrate", "a", "--merge", "--output", "s"],
      sentence: "expected two FILEs or more with --merge; see quire calibrate --help"),
    .init(
      words: ["calibrate", "a", "b", "--merge", "--seed", "2", "--output", "s"],
      sentence: "--seed is for collecting; leave it out with --merge"),
    .init(
      words: ["calibrate", "a", "b", "--merge", "--shard", "1/2", "--output", "s"],
      sentence: "--shard is for collecting; leave it out with --merge"),
    .init(words: ["render", "m"], sentence: "--messages is missing; see quire render --help"),
    .init(
      words: ["logits", "m", "--output", "-", "--tokens", "1"],
      sentence:
        "--output: expected a path, found -, but logits cannot write to the standard output; give the path of a file"
    ),
    .init(
      words: ["calibrate", "m", "--calibration", "t", "--output", "-"],
      sentence:
        "--output: expected a path, found -, but calibrate cannot write to the standard output; give the path of a file"
    ),
    .init(
      words: ["export", "m", "--format", "gguf", "--output", "-"],
      sentence:
        "--output: expected a path, found -, but export cannot write to the standard output; give the path of a file"
    ),
    .init(
      words: ["logits", "m", "--output", "f"], sentence: "--tokens is missing; see quire logits --help"),
    .init(
      words: ["logits", "m", "--output", "f", "--tokens", "1,x"],
      sentence: "--tokens: expected whole numbers from 0 to 2147483647 separated by commas, found '1,x'"),
    .init(
      words: ["logits", "m", "--output", "f", "--tokens", ""],
      sentence: "--tokens: expected whole numbers from 0 to 2147483647 separated by commas, found ''"),
    .init(
      words: ["generate", "m", "--prompt", "x", "--max-tokens", "-1"],
      sentence: "--max-tokens: expected a whole number from 1 to 2147483647, found '-1'"),
    .init(
      words: ["generate", "m", "--prompt", "x", "--temperature", "nan"],
      sentence: "--temperature: expected a number from 0.0 to 100.0, found 'nan'"),
    .init(
      words: ["generate", "m", "--prompt", "x", "--top-p=1.5"],
      sentence: "--top-p: expected a number from 0.0 to 1.0, found '1.5'"),
    .init(
      words: ["generate", "m", "--prompt", "x", "--seed", "18446744073709551616"],
      sentence:
        "--seed: expected a whole number from 0 to 18446744073709551615, found '18446744073709551616'"),
    .init(
      words: ["generate", "m", "--prompt", "x", "--kv-cache", "int3"],
      sentence: "--kv-cache: expected one of float32, float16, int8, found 'int3'"),
    .init(
      words: ["generate", "m", "--prompt", "x", "--context", "0"],
      sentence: "--context: expected a whole number of at least 2, found '0'"),
    .init(
      words: ["serve", "m", "--context", "1"],
      sentence: "--context: expected a whole number of at least 2, found '1'"),
    .init(words: ["serve", "m", "--no-page=1"], sentence: "--no-page: expected true or false, found '1'"),
    .init(
      words: ["chat", "m", "--thinking", "--no-thinking"],
      sentence: "--thinking and --no-thinking exclude each other; give one of them"),
    .init(
      words: ["chat", "m", "--top-k", "many"],
      sentence: "--top-k: expected a whole number from 0 to 1000000, found 'many'"),
    .init(
      words: ["serve", "m", "--port", "65536"],
      sentence: "--port: expected a whole number from 0 to 65535, found '65536'"),
    .init(
      words: ["serve", "m", "--slots", "0"],
      sentence: "--slots: expected a whole number from 1 to 1024, found '0'"),
    .init(
      words: ["serve", "m", "--kv-memory", "2G"],
      sentence: "--kv-memory: expected a whole number of MiB from 1 to 1048576, found '2G'"),
    .init(
      words: ["serve", "m", "--drain-seconds", "1m"],
      sentence: "--drain-seconds: expected a whole number of seconds from 0 to 86400, found '1m'"),
    .init(
      words: ["serve", "m", "--threads", "0"],
      sentence: "--threads: expected a whole number from 1 to 1024, found '0'"),
    .init(
      words: ["evaluate", "m", "--problems", "0"],
      sentence: "--problems: expected a whole number of at least 1, found '0'"),
  ]

  /// The model `m` does not exist: the words are judged first, so that a slip costs no loading.
  @Test(arguments: slips)
  func aSlipIsToldBeforeTheModelIsOpened(_ slip: Slip) throws {
    let outcome = try Self.quire.run(slip.words)
    #expect(outcome.status == 2 && outcome.output == "")
    #expect(outcome.errors == "quire \(slip.words[0]): \(slip.sentence)\n")
  }

  /// Options that are wrong for the demo's model, or contradict each other; OUT is a path where nothing is.
  static let slipsWithAModel: [Slip] = [
    .init(words: ["evaluate", "--no-speed", "--no-tasks", "--no-text"], sentence: "switch all of it off"),
    .init(words: ["evaluate", "--tasks", "t.jsonl:mlmu"], sentence: "found 'mlmu' in t.jsonl:mlmu"),
    .init(words: ["evaluate", "--store"], sentence: "--store: expected one pack"),
    .init(words: ["evaluate", "--no-tasks", "--kv-cache", "int8"], sentence: "found only the reference"),
    .init(words: ["evaluate", "--reference", demo], sentence: "which is its own reference"),
    .init(
      words: ["evaluate", "--no-text", "--max-tokens", "5000"], sentence: "--max-tokens: expected at most"),
    .init(words: ["evaluate", "--json", "OUT", "--html", "OUT"], sentence: "which --json names too"),
    .init(words: ["ablate", "--json", "OUT", "--html", "OUT"], sentence: "which --json names too"),
    .init(words: ["bench", "--context", "100000"], sentence: "expected at most 1024 positions"),
    .init(
      words: ["logits", "--tokens", "768", "--output", "OUT"], sentence: "--tokens: expected ids below 768"),
    .init(
      words: [
        "logits", "--tokens", [String](repeating: "1", count: 1025).joined(separator: ","), "--output", "OUT",
      ],
      sentence: "--tokens: expected at most 1024 tokens"),
    .init(words: ["serve", "--port", "0", "--kv-memory", "1"], sentence: "--kv-memory: expected at least"),
    .init(
      words: ["serve", "--port", "0", "--context", "5000"], sentence: "--context: expected at most 1024"),
    .init(words: ["generate", "-p", "x", "--context", "5000"], sentence: "--context: expected at most 1024"),
  ]
  private static var demo: String { Workplace.demo }

  @Test(arguments: slipsWithAModel)
  func aSlipThatTheModelShowsIsWrongUsage(_ slip: Slip) throws {
    let folder = TemporaryFolder()
    let words = slip.words.dropFirst().map { $0 == "OUT" ? folder.path + "/out" : $0 }
    let outcome = try Self.quire.run([slip.words[0], Workplace.demo] + words)
    expectUsageError(outcome, by: slip.words[0], [slip.sentence])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  /// The last of two different values counts, which is said.
  @Test(arguments: [
    (
      ["inspect", "none", "--threads", "2", "--threads=1"],
      "--threads is given twice; of '2' and '1' the last counts"
    ),
    (
      ["generate", "none", "-p", "x", "--prompt", "y"],
      "--prompt is given twice; of 'x' and 'y' the last counts"
    ),
    (
      ["verify", "none", "--quiet", "--quiet=false"],
      "--quiet is given twice; of --quiet=true and --quiet=false the last counts"
    ),
  ])
  func ofTwoValuesTheLastCounts(words: [String], note: String) throws {
    let outcome = try Self.quire.run(words)
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix("note: \(note)\nquire \(words[0]): "), "\(outcome.errors)")
    // The command line itself is still judged by what counts.
    let wrong = try Self.quire.run("serve", "none", "--port", "0", "--port", "65536")
    #expect(wrong.status == 2 && wrong.errors.contains("--port: expected a whole number from 0 to 65535"))
  }

  /// Scripts may append what they have said before, and options for several values take several.
  @Test func theSameValueTwiceIsOneValue() throws {
    let words = [
      ["verify", "none", "--quiet", "--quiet=true"], ["inspect", "none", "--threads", "1", "--threads=1"],
    ]
    for words in words {
      expectRefusal(try Self.quire.run(words), by: words[0], ["at none, found"])
    }
    let adapters = try Self.quire.run("inspect", "none", "--adapter", "a", "--adapter", "b")
    expectRefusal(adapters, by: "inspect", ["at none, found"])
  }

  /// Whether the recipe may be left out is known only from the checkpoint.
  @Test func aMissingCheckpointIsToldBeforeAMissingRecipe() throws {
    let nothing = try Self.quire.run("convert", "nope", "--output", "p")
    expectRefusal(nothing, by: "convert", ["at nope, found nothing", "check the path"])
    let place = Workplace()
    let missing = try Self.quire.run("convert", place.checkpoint.path, "--output", place.place("p"))
    #expect(missing.status == 2 && missing.output == "")
    #expect(missing.errors == "quire convert: --recipe is missing; see quire convert --help\n")
  }

  @Test func unknownCommandAndVersion() throws {
    let unknown = try Self.quire.run("frobnicate")
    #expect(unknown.status == 2 && unknown.output == "")
    #expect(
      unknown.errors
        == "quire: unknown command 'frobnicate'; expected one of \(Self.listed.joined(separator: ", "))\n")
    let version = try Self.quire.run("--version")
    #expect(version.status == 0)
    #expect(version.output.wholeMatch(of: /quire \d+\.\d+\.\d+\n/) != nil)
  }
}
