import QuireGeneration
import QuireJSON
import QuireText
import Testing

@Suite struct SamplingDefaultsTests {
  private static let thinking = SamplingParameters.recommended(.thinking)
  private static let nonThinking = SamplingParameters.recommended(.nonThinking)

  private static let cases: [(String, [SamplingParameters])] = [
    ("null", [thinking, nonThinking]),
    (#"{"temperature": null, "eos_token_id": 1, "do_sample": true}"#, [thinking, nonThinking]),
    // The published files of Qwen3 repeat the recommendation for thinking and say nothing about the other mode.
    (#"{"temperature": 0.6, "top_k": 20, "top_p": 0.95, "do_sample": true}"#, [thinking, nonThinking]),
    // Anything else holds in both modes, member by member.
    (
      #"{"temperature": 0.25}"#,
      [
        SamplingParameters(temperature: 0.25, topP: 0.95, topK: 20),
        SamplingParameters(temperature: 0.25, topP: 0.8, topK: 20),
      ]
    ),
    (
      #"{"temperature": 0.6, "top_p": 0.95}"#,
      [thinking, SamplingParameters(temperature: 0.6, topP: 0.95, topK: 20)]
    ),
    (
      #"{"temperature": 0.6, "top_k": 20, "top_p": 0.95, "repetition_penalty": 1.05}"#,
      [SamplingParameters](
        repeating: SamplingParameters(temperature: 0.6, topP: 0.95, topK: 20, repetitionPenalty: 1.05),
        count: 2)
    ),
    (
      #"{"top_k": -1, "min_p": 0.05, "top_p": 1}"#,
      [SamplingParameters(temperature: 0.6, minP: 0.05), SamplingParameters(temperature: 0.7, minP: 0.05)]
    ),
    (
      #"{"do_sample": false, "temperature": 0.9}"#,
      [
        SamplingParameters(temperature: 0, topP: 0.95, topK: 20),
        SamplingParameters(temperature: 0, topP: 0.8, topK: 20),
      ]
    ),
  ]

  @Test func theFileComesFirst() throws {
    for (text, expected) in Self.cases {
      let file = try JSONValue.parse(Array(text.utf8))
      let defaults = try SamplingDefaults(generationConfiguration: file)
      #expect([defaults.parameters(.thinking), defaults.parameters(.nonThinking)] == expected, "\(text)")
    }
  }

  @Test func theRecommendationIsTheCallers() throws {
    #expect(try SamplingDefaults(generationConfiguration: nil) == SamplingDefaults())
    let other = SamplingParameters(temperature: 1, topP: 0.5, topK: 7)
    let file: JSONValue = ["temperature": 0.6, "top_k": 20, "top_p": 0.95]
    let defaults = try SamplingDefaults(generationConfiguration: file, recommended: { _ in other })
    #expect(defaults.parameters(.nonThinking) == Self.thinking)
    #expect(SamplingDefaults(recommended: { _ in other }).parameters(.thinking) == other)
  }

  @Test(
    arguments: [
      (["temperature": "hot"], "temperature", "a number from 0.0 to 100.0, found the text \"hot\""),
      (["temperature": 1e308], "temperature", "a number from 0.0 to 100.0, found 1e+308"),
      (["temperature": -0.5], "temperature", "a number from 0.0 to 100.0, found -0.5"),
      (["top_p": 1.5], "top_p", "a number from 0.0 to 1.0, found 1.5"),
      (["min_p": true], "min_p", "a number from 0.0 to 1.0, found a boolean"),
      (["top_k": 2.5], "top_k", "an integer from -1 to 2147483647, found 2.5"),
      (
        ["top_k": 9_223_372_036_854_775_807], "top_k",
        "an integer from -1 to 2147483647, found 9223372036854775807"
      ),
      (["repetition_penalty": 1e-38], "repetition_penalty", "a number from 0.01 to 10.0, found 1e-38"),
      (["do_sample": 1], "do_sample", "true or false, found 1"),
    ] as [(JSONValue, String, String)])
  func wrongValuesAreRefused(file: JSONValue, name: String, sentence: String) {
    let error = #expect(throws: GenerationError.self) { try SamplingDefaults(generationConfiguration: file) }
    #expect(
      error
        == .invalidOption(name: name, sentence: "\(name): expected \(sentence); correct it or remove it"))
  }
}
