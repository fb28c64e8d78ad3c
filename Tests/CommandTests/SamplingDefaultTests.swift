import Foundation
import QuireJSON
import TestSupport
import Testing

/// The sampling of generation_config.json is the model's default, for checkpoints and packs, in every command that
/// answers.
@Suite struct SamplingDefaultTests {
  private static let chatPath = "/v1/chat/completions"

  /// A tiny model whose file says how to sample.
  private static func place(_ sampling: [String: JSONValue]) throws -> Workplace {
    let place = Workplace()
    try place.checkpoint.edit("generation_config.json") { file in
      for (name, value) in sampling { file[name] = value }
    }
    return place
  }

  private static func answer(_ model: String, _ arguments: String...) throws -> String {
    let outcome = try BuiltProgram.quire.run(
      ["generate", model, "--prompt", "hello", "--max-tokens", "24", "--quiet", "--threads", "2"] + arguments)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.output
  }

  @Test func generateSamplesAsTheFileSays() throws {
    let place = try Self.place(["temperature": 5, "top_k": 0, "top_p": 1])
    let pack = try place.pack()
    for model in [place.checkpoint.path, pack] {
      for mode in ["--thinking", "--no-thinking"] {
        let asFile = try Self.answer(model, mode, "--seed", "1")
        let explicit = try Self.answer(
          model, mode, "--seed", "1", "--temperature", "5", "--top-k", "0", "--top-p", "1")
        #expect(asFile == explicit)
      }
    }
    let greedy = try Self.place(["do_sample": false])
    let answers = try ["1", "2"].map { try Self.answer(greedy.checkpoint.path, "--seed", $0) }
    #expect(answers[0] == answers[1])
    #expect(try answers[0] == Self.answer(greedy.checkpoint.path, "--temperature", "0"))
    #expect(try answers[0] != Self.answer(greedy.checkpoint.path, "--temperature", "9", "--seed", "1"))
  }

  @Test func serveSamplesAsTheFileSays() throws {
    let place = try Self.place(["temperature": 2, "top_k": 0, "top_p": 1, "repetition_penalty": 1.5])
    let server = try ServedProgram(place.checkpoint.path)
    func answer(_ members: [String: JSONValue]) throws -> JSONValue? {
      var body: JSONObject = [
        "messages": [["role": "user", "content": "hello"]], "seed": 3, "max_tokens": 24,
      ]
      for (name, value) in members { body[name] = value }
      let (status, json) = try server.post(Self.chatPath, .object(body))
      #expect(status == 200)
      return json["choices"]?.arrayValue?.first?["message"]
    }
    let explicit: [String: JSONValue] = [
      "temperature": 2, "top_k": 0, "top_p": 1, "repetition_penalty": 1.5,
    ]
    #expect(try answer([:]) == answer(explicit))
    #expect(try answer([:]) != answer(["temperature": 0]))
    #expect(try answer(["repetition_penalty": 1]) != answer([:]))
  }

  @Test(
    arguments: [
      ("temperature", .string("hot"), "a number from 0.0 to 100.0, found the text \"hot\""),
      ("top_p", .double(-1), "a number from 0.0 to 1.0, found -1.0"),
      ("top_k", .double(0.5), "an integer from -1 to 2147483647, found 0.5"),
      ("repetition_penalty", .int(0), "a number from 0.01 to 10.0, found 0"),
    ] as [(String, JSONValue, String)])
  func wrongValuesAreRefusedByName(name: String, value: JSONValue, sentence: String) throws {
    let place = try Self.place([name: value])
    let parts = ["generation_config.json: \(name): expected \(sentence); correct it or remove it"]
    let generated = try BuiltProgram.quire.run("generate", place.checkpoint.path, "--prompt", "x")
    expectRefusal(generated, by: "generate", parts)
    let served = try BuiltProgram.quire.run("serve", place.checkpoint.path, "--port", "0")
    expectRefusal(served, by: "serve", parts)
    expectRefusal(try BuiltProgram.quire.run(place.conversion()), by: "convert", parts)
    let recipe = place.recipe(Workplace.int8)
    expectRefusal(
      try BuiltProgram.quire.run("convert", place.checkpoint.path, "--recipe", recipe, "--plan"),
      by: "convert", parts)
    expectRefusal(
      try BuiltProgram.quire.run("export", place.checkpoint.path, "--format", "gguf", "--plan"),
      by: "export", parts)
    #expect(place.outputs == [])
  }
}
