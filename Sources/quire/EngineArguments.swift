import QuireGeneration
import QuireModel
import QuireTensors
import QuireText

extension Arguments {
  /// What all commands that answer tell the engine; they set the rest.
  func engineOptions(_ opened: OpenedModel) throws -> EngineOptions {
    var options = EngineOptions(
      threadCount: try threadCount(), instructionSet: try Environment.instructionSet(),
      contextLength: try opened.contextLength(self),
      keyValueElement: try keyValueElement(for: opened.model.configuration) ?? .float16,
      endOfSequenceIDs: opened.endOfSequenceIDs)
    options.maximumSlots = 1
    return options
  }

  /// The mode that `--thinking` and `--no-thinking` ask for; thinking when neither does.
  func mode() throws -> ThinkingMode {
    if has("--thinking") && has("--no-thinking") {
      throw UsageError(command, "--thinking and --no-thinking exclude each other; give one of them")
    }
    return has("--no-thinking") ? .nonThinking : .thinking
  }

  /// Qwen3's recommended sampling for the mode, changed by what the command line says.
  func sampling(_ mode: ThinkingMode) throws -> SamplingParameters {
    var sampling = SamplingParameters.recommended(mode)
    if let value = try number("--temperature", in: 0...100) { sampling.temperature = value }
    if let value = try number("--top-p", in: 0...1) { sampling.topP = value }
    if let value = try integer("--top-k", in: 0...1_000_000) { sampling.topK = value }
    if let value = try number("--min-p", in: 0...1) { sampling.minP = value }
    if let text = string("--seed") {
      guard let seed = UInt64(text) else {
        throw UsageError(command, "--seed: expected a whole number from 0 to \(UInt64.max), found '\(text)'")
      }
      sampling.seed = seed
    }
    return sampling
  }
}
