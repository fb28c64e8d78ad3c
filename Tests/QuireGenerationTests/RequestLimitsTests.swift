import QuireGeneration
import Testing

@Suite struct RequestLimitsTests {
  static let limits = RequestLimits(vocabularySize: 100, contextLength: 10)

  private static func request(_ change: (inout GenerationRequest) -> Void) -> GenerationRequest {
    var request = GenerationRequest(promptTokens: [1, 2, 3], maximumTokens: 5)
    change(&request)
    return request
  }

  static let invalid: [(GenerationRequest, field: String, sentence: String)] = [
    (request { $0.promptTokens = [] }, "promptTokens", "The prompt has no tokens: give at least one."),
    (
      request { $0.promptTokens = [1, -1] }, "promptTokens",
      "Token 1 of the prompt is -1, but ids run from 0 to 99."
    ),
    (
      request { $0.promptTokens = [100] }, "promptTokens",
      "Token 0 of the prompt is 100, but ids run from 0 to 99."
    ),
    (
      request { $0.maximumTokens = 0 }, "maximumTokens",
      "The number of tokens to generate must be at least 1, but it is 0."
    ),
    (
      request { $0.maximumTokens = Int.min }, "maximumTokens",
      "The number of tokens to generate must be at least 1, but it is -9223372036854775808."
    ),
    (
      request {
        $0.maximumTokens = -1
        $0.wantsPromptLogprobs = true
      }, "maximumTokens", "The number of tokens to generate must be at least 0, but it is -1."
    ),
    (
      request { $0.logprobCount = 21 }, "logprobCount",
      "Alternatives per token can be 0 to 20, but 21 were asked for."
    ),
    (
      request { $0.logprobCount = -1 }, "logprobCount",
      "Alternatives per token can be 0 to 20, but -1 were asked for."
    ),
    (
      request { $0.stopStrings = [String](repeating: "a", count: 33) }, "stopStrings",
      "There can be at most 32 stop strings, but 33 were given."
    ),
    (
      request { $0.stopStrings = ["a", ""] }, "stopStrings", "Stop string 1 has 0 bytes: give 1 to 1024."
    ),
    (
      request { $0.stopStrings = [String(repeating: "é", count: 513)] }, "stopStrings",
      "Stop string 0 has 1026 bytes: give 1 to 1024."
    ),
    (
      request { $0.stopTokenIDs = [1, 100] }, "stopTokenIDs",
      "Stop token 100 does not exist: ids run from 0 to 99."
    ),
    (
      request { $0.sampling.temperature = .nan }, "temperature",
      "temperature must be between 0.0 and 100.0, but it is nan."
    ),
    (
      request { $0.sampling.temperature = -0.5 }, "temperature",
      "temperature must be between 0.0 and 100.0, but it is -0.5."
    ),
    (
      request { $0.sampling.topP = 1.5 }, "topP", "topP must be between 0.0 and 1.0, but it is 1.5."
    ),
    (
      request { $0.sampling.minP = -0.1 }, "minP", "minP must be between 0.0 and 1.0, but it is -0.1."
    ),
    (request { $0.sampling.topK = -2 }, "topK", "topK must be 0 (off) or more, but it is -2."),
    (
      request { $0.sampling.presencePenalty = .infinity }, "presencePenalty",
      "presencePenalty must be between -2.0 and 2.0, but it is inf."
    ),
    (
      request { $0.sampling.frequencyPenalty = 2.5 }, "frequencyPenalty",
      "frequencyPenalty must be between -2.0 and 2.0, but it is 2.5."
    ),
    (
      request { $0.sampling.repetitionPenalty = 0 }, "repetitionPenalty",
      "repetitionPenalty must be above 0 and at most 10.0, but it is 0.0."
    ),
    (
      request { $0.sampling.repetitionPenalty = .nan }, "repetitionPenalty",
      "repetitionPenalty must be above 0 and at most 10.0, but it is nan."
    ),
    (
      request { $0.sampling.logitBias = [-3: 1] }, "logitBias",
      "logitBias names token -3, but ids run from 0 to 99."
    ),
    (
      request { $0.sampling.logitBias = [3: 1e30] }, "logitBias",
      "The bias of token 3 must be between -100.0 and 100.0, but it is 1e+30."
    ),
    (
      request { $0.sampling.logitBias = [3: .nan] }, "logitBias",
      "The bias of token 3 must be between -100.0 and 100.0, but it is nan."
    ),
  ]

  @Test func everyBadFieldGetsItsSentence() {
    for (request, field, sentence) in Self.invalid {
      let error = #expect(throws: GenerationError.self) { try Self.limits.validate(request) }
      #expect(error == .invalidRequest(field: field, sentence: sentence))
      #expect(error?.description == sentence)
    }
  }

  @Test func thePromptMustLeaveRoomForOneToken() throws {
    let prompt = [Int32](repeating: 5, count: 10)
    #expect(throws: GenerationError.promptTooLong(promptTokenCount: 10, contextLength: 10)) {
      try Self.limits.validate(GenerationRequest(promptTokens: prompt))
    }
    try Self.limits.validate(GenerationRequest(promptTokens: Array(prompt.dropLast())))
    #expect(
      GenerationError.promptTooLong(promptTokenCount: 10, contextLength: 10).description
        == "The prompt has 10 tokens, but the context holds 10 and the answer needs at least one of them: "
        + "shorten the prompt or raise the context length.")
  }

  @Test func scoringAloneMayFillTheContext() throws {
    let prompt = [Int32](repeating: 5, count: 10)
    try Self.limits.validate(
      GenerationRequest(promptTokens: prompt, maximumTokens: 0, wantsPromptLogprobs: true))
  }

  @Test func acceptsTheEdges() throws {
    var sampling = SamplingParameters(
      temperature: 0, topP: 0, topK: .max, minP: 1, presencePenalty: -2, frequencyPenalty: 2,
      repetitionPenalty: 10, seed: .max, logitBias: [0: -100, 99: 100])
    let request = GenerationRequest(
      promptTokens: [0, 99], sampling: sampling, maximumTokens: .max, stopStrings: ["a"],
      stopTokenIDs: [0], logprobCount: 20)
    try Self.limits.validate(request)
    sampling.topP = 1
    try Self.limits.validate(GenerationRequest(promptTokens: [1], sampling: sampling))
  }
}
