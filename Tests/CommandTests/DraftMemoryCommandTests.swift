import TestSupport
import Testing

/// Draft models and heads that do not fit into memory beside their target.
@Suite struct DraftMemoryCommandTests {
  /// A model of sixteen million positions, whose keys and values would take gigabytes.
  private let place: Workplace = {
    var tiny = TinyCheckpoint()
    tiny.maximumPositions = 1 << 24
    return Workplace(tiny)
  }()
  private let head: TemporaryFolder = {
    let folder = TemporaryFolder()
    TinyDraftHead().write(to: folder)
    return folder
  }()

  /// With a gigabyte of memory.
  private func run(_ words: [String]) throws -> Tool.Outcome? {
    guard let bash = Tool("bash") else { return nil }
    return try bash.run(
      ["-c", "ulimit -v 1000000; exec \"$@\"", "bash", BuiltProgram.quire.path] + words, seconds: 60)
  }

  @Test(arguments: ["generate", "serve", "chat"], [true, false])
  func keysAndValuesOfTheDraftMustFit(command: String, isHead: Bool) throws {
    let draft = isHead ? head.path : place.checkpoint.path
    let rest = command == "generate" ? ["--prompt", "x"] : command == "serve" ? ["--port", "0"] : []
    let words = [command, place.checkpoint.path, "--draft", draft, "--threads", "1"] + rest
    guard let outcome = try run(words + ["--context", "16000000"]) else { return }
    #expect(outcome.status == 1 && outcome.output == "")
    // One context: 4 kB for 32 positions of the head, 16 kB of the model.
    let bytes = isHead ? "2\\.\\d+ GB" : "8\\.\\d+ GB"
    let sentence = try Regex(
      "^quire \(command): --draft: expected \(bytes) of free memory \\(\\d+ kB for the weights of \\S+ and of \\S+, \(bytes) for keys, "
        + "values and buffers of the draft\\), found \\S+ MB; give a smaller draft or a shorter --context, leave the draft out, "
        + "or free memory\n$")
    #expect(try sentence.wholeMatch(in: outcome.errors) != nil, "\(outcome.errors)")
  }

  @Test(arguments: [true, false]) func aShortContextFits(isHead: Bool) throws {
    let outcome = try run([
      "generate", place.checkpoint.path, "--draft", isHead ? head.path : place.checkpoint.path, "--threads",
      "1", "--prompt", "x", "--max-tokens", "3", "--context", "64", "--quiet",
    ])
    guard let outcome else { return }
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test func theServerSaysWhatADraftTakes() throws {
    let words = ["--context", "1024", "--slots", "2"]
    func told(_ extra: [String]) throws -> String {
      try ServedProgram(place.checkpoint.path, words + extra).errors
    }
    // 64 blocks of 16 kB, and of a head 66 more of 4 kB.
    #expect(try told([]).contains("\nKV cache: 2048 tokens, up to 1.05 MB of float16\n"))
    let head = try told(["--draft", head.path])
    #expect(head.contains(/\ndraft head: \S+, int8, \S+ kB of weights, \S+ MB of buffers\n/), "\(head)")
    #expect(head.contains("\nKV cache: 2048 tokens, up to 1.32 MB of float16\n"), "\(head)")
    let model = try told(["--draft", place.checkpoint.path])
    #expect(
      model.contains(/\ndraft model: \S+, bf16, \S+ kB of weights, \S+ MB of buffers\n/), "\(model)")
  }
}
