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
    (EngineOptions(threadCount: 0), "threadCount: expected 1 to 1024, found 0; correct it"),
    (EngineOptions(maximumSlots: 0), "maximumSlots: expected 1 to 4096, found 0; correct it"),
    (EngineOptions(maximumWaiting: -1), "maximumWaiting: expected 0 to 1000000, found -1; correct it"),
    (
      EngineOptions(maximumSlots: 16, tokenBudget: 15),
      "tokenBudget: expected 16 to 65536, found 15; correct it"
    ),
    (EngineOptions(logitRowBudget: 0), "logitRowBudget: expected 1 to 65536, found 0; correct it"),
    (EngineOptions(contextLength: 1025), "contextLength: expected 1 to 1024, found 1025; correct it"),
    (EngineOptions(contextLength: -5), "contextLength: expected 1 to 1024, found -5; correct it"),
    (EngineOptions(cacheBlockCount: 0), "cacheBlockCount: expected 1 to 2147483647, found 0; correct it"),
    (
      EngineOptions(contextLength: 100, cacheBlockCount: 3),
      "expected a KV cache that holds the context of 100 tokens, found memory for 96; give the cache more memory "
        + "or shorten the context"
    ),
  ])
  func everyBadOptionGetsItsSentence(options: EngineOptions, sentence: String) {
    let error = #expect(throws: GenerationError.self) { try shape(options) }
    #expect(error?.description == sentence)
  }

  @Test func aCacheBelowOneBlockIsRefused() {
    let blockBytes = KeyValueCache.blockBytes(tinyConfiguration, element: .float16)
    let error = #expect(throws: GenerationError.self) { try shape(EngineOptions(cacheBytes: 100)) }
    #expect(error?.description == "cacheBytes: expected \(blockBytes) or more, found 100; correct it")
  }

  @Test func aTokenizerLargerThanTheModelIsRefused() {
    let error = #expect(throws: GenerationError.self) { try shape(EngineOptions(), vocabularySize: 321) }
    #expect(
      error?.description
        == "tokenizer: expected at most the model's 320 tokens, found 321; use the tokenizer that belongs to the model"
    )
  }

  @Test func recommendedSamplingIsQwens() {
    #expect(
      SamplingParameters.recommended(.thinking) == SamplingParameters(temperature: 0.6, topP: 0.95, topK: 20))
    #expect(
      SamplingParameters.recommended(.nonThinking)
        == SamplingParameters(temperature: 0.7, topP: 0.8, topK: 20))
  }
}
