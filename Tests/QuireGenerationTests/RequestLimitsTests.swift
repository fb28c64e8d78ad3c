import QuireGeneration
import Testing

@Suite struct RequestLimitsTests {
  static let limits = RequestLimits(vocabularySize: 100, contextLength: 10, contextLimit: 12)

  private static func request(_ change: (inout GenerationRequest) -> Void) -> GenerationRequest {
    var request = GenerationRequest(promptTokens: [1, 2, 3], maximumTokens: 5)
    change(&request)
    return request
  }

  static let invalid: [(GenerationRequest, field: String, sentence: String)] = [
    (
      request { $0.promptTokens = [] }, "promptTokens",
      "prompt: expected at least one token, found none; give a text"
    ),
    (
      request { $0.promptTokens = [1, -1] }, "promptTokens",
      "promptTokens[1]: expected an id from 0 to 99, found -1; correct it"
    ),
    (
      request { $0.promptTokens = [100] }, "promptTokens",
      "promptTokens[0]: expected an id from 0 to 99, found 100; correct it"
    ),
    (
      request { $0.maximumTokens = 0 }, "maximumTokens",
      "maximumTokens: expected 1 or more, found 0; correct it"
    ),
    (
      request { $0.maximumTokens = Int.min }, "maximumTokens",
      "maximumTokens: expected 1 or more, found -9223372036854775808; correct it"
    ),
    (
      request {
        $0.maximumTokens = -1
        $0.wantsPromptLogprobs = true
      }, "maximumTokens", "maximumTokens: expected 0 or more, found -1; correct it"
    ),
    (
      request { $0.logprobCount = 21 }, "logprobCount",
      "logprobCount: expected 0 to 20, found 21; correct it"
    ),
    (
      request { $0.logprobCount = -1 }, "logprobCount",
      "logprobCount: expected 0 to 20, found -1; correct it"
    ),
    (
      request { $0.stopStrings = [String](repeating: "a", count: 257) }, "stopStrings",
      "stopStrings: expected at most 256, found 257; give fewer"
    ),
    (
      request { $0.stopStrings = ["a", ""] }, "stopStrings",
      "stopStrings[1]: expected 1 to 1024 bytes, found 0; change it"
    ),
    (
      request { $0.stopStrings = [String(repeating: "é", count: 513)] }, "stopStrings",
      "stopStrings[0]: expected 1 to 1024 bytes, found 1026; change it"
    ),
    (
      request { $0.stopTokenIDs = [1, 100] }, "stopTokenIDs",
      "stopTokenIDs: expected ids from 0 to 99, found 100; correct it"
    ),
    (
      request { $0.sampling.temperature = .nan }, "temperature",
      "temperature: expected 0.0 to 100.0, found nan; correct it"
    ),
    (
      request { $0.sampling.temperature = -0.5 }, "temperature",
      "temperature: expected 0.0 to 100.0, found -0.5; correct it"
    ),
    (
      request { $0.sampling.topP = 1.5 }, "topP", "topP: expected 0.0 to 1.0, found 1.5; correct it"
    ),
    (
      request { $0.sampling.minP = -0.1 }, "minP", "minP: expected 0.0 to 1.0, found -0.1; correct it"
    ),
    (request { $0.sampling.topK = -2 }, "topK", "topK: expected 0 (off) or more, found -2; correct it"),
    (
      request { $0.sampling.presencePenalty = .infinity }, "presencePenalty",
      "presencePenalty: expected -2.0 to 2.0, found inf; correct it"
    ),
    (
      request { $0.sampling.frequencyPenalty = 2.5 }, "frequencyPenalty",
      "frequencyPenalty: expected -2.0 to 2.0, found 2.5; correct it"
    ),
    (
      request { $0.sampling.repetitionPenalty = 0 }, "repetitionPenalty",
      "repetitionPenalty: expected 0.01 to 10.0, found 0.0; correct it"
    ),
    (
      request { $0.sampling.repetitionPenalty = 1e-38 }, "repetitionPenalty",
      "repetitionPenalty: expected 0.01 to 10.0, found 1e-38; correct it"
    ),
    (
      request { $0.sampling.repetitionPenalty = .nan }, "repetitionPenalty",
      "repetitionPenalty: expected 0.01 to 10.0, found nan; correct it"
    ),
    (
      request { $0.sampling.logitBias = [-3: 1] }, "logitBias",
      "logitBias: expected ids from 0 to 99, found -3; correct it"
    ),
    (
      request { $0.sampling.logitBias = [3: 1e30] }, "logitBias",
      "logitBias[3]: expected -100.0 to 100.0, found 1e+30; correct it"
    ),
    (
      request { $0.sampling.logitBias = [3: .nan] }, "logitBias",
      "logitBias[3]: expected -100.0 to 100.0, found nan; correct it"
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
    let overflow = PromptOverflow(promptTokenCount: 10, contextLength: 10, contextLimit: 12)
    #expect(throws: GenerationError.promptTooLong(overflow)) {
      try Self.limits.validate(GenerationRequest(promptTokens: prompt))
    }
    try Self.limits.validate(GenerationRequest(promptTokens: Array(prompt.dropLast())))
    #expect(
      GenerationError.promptTooLong(overflow).description
        == "expected a prompt of fewer tokens than the context holds (10), found 10; "
        + "shorten the prompt or raise the context with --context")
    let longer = PromptOverflow(promptTokenCount: 12, contextLength: 10, contextLimit: 12)
    #expect(longer.advice == "shorten the prompt; the model takes at most 12 tokens")
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
