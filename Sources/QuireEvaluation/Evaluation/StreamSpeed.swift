import QuireGeneration
import QuireTensors

/// Measures a single stream: prompt tokens per second and generated tokens per second.
struct StreamSpeed {
  let settings: SpeedSettings
  /// Token ids are 0 up to this number.
  let vocabularySize: Int

  /// Runs once to warm up, then until both minimums of the settings are reached.
  func run(
    on runner: RequestRunner, onFinished: (_ done: Int, _ total: Int) -> Void
  ) throws(EvaluationError) -> SpeedScore {
    var generator = SplitMix64(seed: 0x5EED)
    _ = try measure(runner, &generator)
    var samples: [Sample] = []
    var seconds = 0.0
    while samples.count < settings.minimumRepeats || seconds < settings.minimumSeconds {
      let sample = try measure(runner, &generator)
      samples.append(sample)
      seconds += sample.seconds
      onFinished(samples.count, max(samples.count, settings.minimumRepeats))
    }
    return SpeedScore(
      prompt: Estimate(medianOf: samples.map(\.promptTokensPerSecond)),
      decode: Estimate(medianOf: samples.map(\.decodeTokensPerSecond)), repeatCount: samples.count)
  }

  private struct Sample {
    let promptTokensPerSecond: Double
    let decodeTokensPerSecond: Double
    let seconds: Double
  }

  /// One stream. Every prompt is new, so that no cached prefix is reused.
  private func measure(
    _ runner: RequestRunner, _ generator: inout SplitMix64
  ) throws(EvaluationError) -> Sample {
    let prompt = (0..<settings.promptTokens).map { _ in
      Int32.random(in: 0..<Int32(vocabularySize), using: &generator)
    }
    let request = GenerationRequest(
      promptTokens: prompt, sampling: .greedy, maximumTokens: settings.generatedTokens,
      ignoresEndOfSequence: true)
    let result = try runner.run([request])[0].result
    let timings = result.timings
    // The prompt's time ends with the first generated token.
    return Sample(
      promptTokensPerSecond: Double(result.promptTokens) / timings.prefillSeconds,
      decodeTokensPerSecond: Double(result.completionTokens - 1) / timings.decodeSeconds,
      seconds: timings.prefillSeconds + timings.decodeSeconds)
  }
}
