import QuireGeneration
import QuireModel
import QuireTensors
import QuireText
import Testing

@Suite struct EngineShapeTests {
  private func shape(
    _ options: EngineOptions, vocabularySize: Int = 300
  ) throws(GenerationError) -> EngineShape {
    try EngineShape(options, configuration: tinyConfiguration, vocabularySize: vocabularySize)
  }

  @Test func contextAndCacheFillEachOtherIn() throws {
    // Enough memory: the model's positions for every slot.
    let roomy = try shape(EngineOptions(maximumSlots: 4))
    #expect(roomy.contextLength == 1024)
    #expect(roomy.blockCount == 4 * 32)
    // Little memory: the context shrinks to what one sequence can have.
    let blockBytes = KeyValueCache.blockBytes(tinyConfiguration, element: .float16)
    let tight = try shape(EngineOptions(cacheBytes: 5 * blockBytes + 1))
    #expect(tight.blockCount == 5)
    #expect(tight.contextLength == 160)
    // A given context needs blocks for one sequence only.
    let given = try shape(EngineOptions(contextLength: 100, cacheBlockCount: 4))
    #expect(given.contextLength == 100)
    #expect(given.blockCount == 4)
    #expect(try shape(EngineOptions(maximumSlots: 2, contextLength: 40)).blockCount == 4)
  }

  @Test func logitRowsAreAtLeastTheSlotsAndAtMostTheStep() throws {
    #expect(try shape(EngineOptions(maximumSlots: 16, logitRowBudget: 1)).logitRowBudget == 16)
    #expect(try shape(EngineOptions(maximumSlots: 1, tokenBudget: 8)).logitRowBudget == 8)
    #expect(try shape(EngineOptions()).maximumRequests == 16 + 256)
  }

  @Test(arguments: [
    (EngineOptions(threadCount: 0), "threadCount must be between 1 and 1024, but it is 0."),
    (EngineOptions(maximumSlots: 0), "maximumSlots must be between 1 and 4096, but it is 0."),
    (EngineOptions(maximumWaiting: -1), "maximumWaiting must be between 0 and 1000000, but it is -1."),
    (
      EngineOptions(maximumSlots: 16, tokenBudget: 15),
      "tokenBudget must be between 16 and 65536, but it is 15."
    ),
    (EngineOptions(logitRowBudget: 0), "logitRowBudget must be between 1 and 65536, but it is 0."),
    (EngineOptions(contextLength: 1025), "contextLength must be between 1 and 1024, but it is 1025."),
    (EngineOptions(contextLength: -5), "contextLength must be between 1 and 1024, but it is -5."),
    (EngineOptions(cacheBlockCount: 0), "cacheBlockCount must be between 1 and 2147483647, but it is 0."),
    (
      EngineOptions(contextLength: 100, cacheBlockCount: 3),
      "A context of 100 positions needs 4 cache blocks, but there are 3: give the cache more memory or "
        + "shorten the context."
    ),
  ])
  func everyBadOptionGetsItsSentence(options: EngineOptions, sentence: String) {
    let error = #expect(throws: GenerationError.self) { try shape(options) }
    #expect(error?.description == sentence)
  }

  @Test func aCacheBelowOneBlockIsRefused() {
    let blockBytes = KeyValueCache.blockBytes(tinyConfiguration, element: .float16)
    let error = #expect(throws: GenerationError.self) { try shape(EngineOptions(cacheBytes: 100)) }
    #expect(error?.description == "cacheBytes must be at least \(blockBytes), but it is 100.")
  }

  @Test func aTokenizerLargerThanTheModelIsRefused() {
    let error = #expect(throws: GenerationError.self) { try shape(EngineOptions(), vocabularySize: 321) }
    #expect(
      error?.description
        == "The tokenizer has 321 tokens, but the model's vocabulary only 320: use the tokenizer that "
        + "belongs to the model.")
  }

  @Test func recommendedSamplingIsQwens() {
    #expect(
      SamplingParameters.recommended(.thinking) == SamplingParameters(temperature: 0.6, topP: 0.95, topK: 20))
    #expect(
      SamplingParameters.recommended(.nonThinking)
        == SamplingParameters(temperature: 0.7, topP: 0.8, topK: 20))
  }
}
