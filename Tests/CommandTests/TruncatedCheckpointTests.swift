import Foundation
import QuireJSON
import TestSupport
import Testing

/// Weights that are cut short while a command uses them: an answer or a sentence, never the end of the process by a signal.
@Suite struct TruncatedCheckpointTests {
  private func truncate(_ folder: TemporaryFolder, to bytes: UInt64 = 0) throws {
    let path = folder.path + "/model.safetensors"
    try #require(FileHandle(forWritingAtPath: path)).truncate(atOffset: bytes)
  }

  @Test func aServerHoldsItsWeights() throws {
    let place = Workplace()
    let server = try ServedProgram(place.checkpoint.path)
    let question: JSONValue = ["prompt": "hello", "max_tokens": 8, "temperature": 0]
    let before = try server.post("/v1/completions", question)
    try truncate(place.checkpoint)
    let after = try server.post("/v1/completions", question)
    #expect(before.status == 200 && after.status == 200)
    #expect(before.json["choices"]?[0]?["text"] == after.json["choices"]?[0]?["text"])
    server.signal(SIGTERM)
    #expect(server.end() == 0)
  }

  /// Each cut falls at another moment of a command that takes about a second.
  @Test(arguments: [
    [
      "bench", "CHECKPOINT", "--prompt-tokens", "0", "--generate-tokens", "900", "--batch", "1", "--threads",
      "1",
    ],
    ["calibrate", "CHECKPOINT", "--recipe", "RECIPE", "--output", "OUTPUT"],
    ["convert", "CHECKPOINT", "--recipe", "RECIPE", "--output", "OUTPUT"],
    ["evaluate", "CHECKPOINT", "--text", "TEXT", "--no-speed"],
  ])
  func commandsEndWithASentence(words: [String]) throws {
    for delay in [0.05, 0.4] {
      let place = Workplace(TinyCheckpoint(vocabularySize: 2048, hiddenSize: 128, layerCount: 4))
      let recipe = place.recipe(
        #"{ name: "t", calibration: { windows: 16, tokens: 64 }, steps: [{ step: "quantize", scheme: "int8", method: "gptq" }] }"#
      )
      let text = place.place("text.txt")
      try String(repeating: "The quick brown fox.\n", count: 300).write(
        toFile: text, atomically: true, encoding: .utf8)
      let arguments = words.map { word in
        switch word {
        case "CHECKPOINT": place.checkpoint.path
        case "RECIPE": recipe
        case "OUTPUT": place.place("output")
        case "TEXT": text
        default: word
        }
      }
      let process = Process()
      process.executableURL = URL(fileURLWithPath: BuiltProgram.quire.path)
      process.arguments = arguments
      let errors = Pipe()
      process.standardOutput = FileHandle.nullDevice
      process.standardError = errors
      try process.run()
      Thread.sleep(forTimeInterval: delay)
      try truncate(place.checkpoint, to: 5000)
      let told = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationReason == .exit, "\(words[0]) after \(delay) s")
      #expect([0, 1].contains(process.terminationStatus), "\(told)")
      if process.terminationStatus == 1 { #expect(told.contains("expected "), "\(told)") }
    }
  }
}
