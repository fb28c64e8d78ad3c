import TestSupport
import Testing

/// The checkpoint that other tests dictate answers to says them, to the byte, from the checkpoint and from packs.
@Suite struct DictationTests {
  private static let thinking =
    "<think>\nHm, hm, hm.\n<tool_call> </think>\n\nYes: </think> <tool_call>\n{\"a\": 1}"
  private static let plain = "aaaaaaaa, aaaa: no no no no"

  @Test func aDictatingCheckpointSaysWhatItWasGiven() throws {
    let place = Workplace(
      DictatingCheckpoint(thinking: Self.thinking, nonThinking: Self.plain, replies: [">": "raw"]))
    let pack = try place.pack(
      #"{ name: "int4", steps: [{ step: "quantize", scheme: "int4", group: 128 }] }"#)
    for model in [place.checkpoint.path, pack] {
      for temperature in ["0", "0.6"] {
        func run(_ words: String...) throws -> Tool.Outcome {
          try BuiltProgram.quire.run(["generate", model, "--temperature", temperature] + words)
        }
        #expect(try run("--prompt", "x", "--no-thinking", "--quiet").output == Self.plain + "\n")
        #expect(try run("--prompt", "x>", "--raw", "--quiet").output == "raw\n")
        let thought = try run("--prompt", "x")
        #expect(thought.output == "Yes: </think> <tool_call>\n{\"a\": 1}\n")
        #expect(
          thought.errors.hasPrefix("thinking:\nHm, hm, hm.\n<tool_call> \n\n"), "\(thought.errors)")
      }
    }
  }
}
