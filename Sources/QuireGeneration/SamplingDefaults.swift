package import QuireJSON
package import QuireText

/// Default sampling parameters: the values of the model's generation_config.json, and for values that it does not set
/// the recommendation of the model's authors for the chat mode.
///
///     let defaults = try SamplingDefaults(generationConfiguration: json)
///     request.sampling = defaults.parameters(.thinking)
///
/// Qwen3's published files contain exactly the recommendation for thinking. With such a file the non-thinking mode
/// keeps its own recommendation. Any other values apply in both modes.
package struct SamplingDefaults: Sendable, Equatable {
  private let thinking: SamplingParameters
  private let nonThinking: SamplingParameters
  /// The chat format of the model, which decides what mode a request's answer has.
  package var chatFormat = ChatFormat.qwen3

  /// Only the recommendation.
  package init(recommended: (ThinkingMode) -> SamplingParameters = SamplingParameters.recommended) {
    thinking = recommended(.thinking)
    nonThinking = recommended(.nonThinking)
  }

  /// Throws `invalidOption` for the first member with a wrong type or out of range, with the member's name as the
  /// option's name. Null or absent members keep the recommendation; `do_sample` false means greedy.
  package init(
    generationConfiguration: JSONValue?,
    recommended: (ThinkingMode) -> SamplingParameters = SamplingParameters.recommended
  ) throws(GenerationError) {
    let file = try FileSampling(generationConfiguration)
    thinking = file.applied(to: recommended(.thinking))
    // Temperature, top-k and top-p are all given and equal the recommendation.
    let repeatsThinking = file.isComplete && thinking == recommended(.thinking)
    nonThinking = repeatsThinking ? recommended(.nonThinking) : file.applied(to: recommended(.nonThinking))
  }

  package func parameters(_ mode: ThinkingMode) -> SamplingParameters {
    switch mode {
    case .thinking: thinking
    case .nonThinking: nonThinking
    }
  }
}

/// The sampling values of a generation_config.json; `nil` for values that it does not set.
private struct FileSampling {
  private let temperature: Float?
  private let topK: Int?
  private let topP: Float?
  private let minP: Float?
  private let repetitionPenalty: Float?
  private let isGreedy: Bool

  init(_ json: JSONValue?) throws(GenerationError) {
    temperature = try Self.number("temperature", json, in: 0...RequestLimits.temperatureMaximum)
    topP = try Self.number("top_p", json, in: 0...1)
    minP = try Self.number("min_p", json, in: 0...1)
    repetitionPenalty = try Self.number("repetition_penalty", json, in: RequestLimits.repetitionPenalties)
    topK = try Self.topK(json)
    let doesSample = try Self.value("do_sample", json)
    guard let doesSample else {
      isGreedy = false
      return
    }
    guard let doesSample = doesSample.boolValue else {
      throw Self.wrong("do_sample", expected: "true or false", found: doesSample)
    }
    isGreedy = !doesSample
  }

  /// Whether it sets all values of the recommendation.
  var isComplete: Bool { temperature != nil && topK != nil && topP != nil }

  func applied(to recommendation: SamplingParameters) -> SamplingParameters {
    var sampling = recommendation
    sampling.temperature = isGreedy ? 0 : temperature ?? sampling.temperature
    sampling.topK = topK ?? sampling.topK
    sampling.topP = topP ?? sampling.topP
    sampling.minP = minP ?? sampling.minP
    sampling.repetitionPenalty = repetitionPenalty ?? sampling.repetitionPenalty
    return sampling
  }

  private static func value(_ name: String, _ json: JSONValue?) throws(GenerationError) -> JSONValue? {
    guard let value = json?[name], !value.isNull else { return nil }
    return value
  }

  private static func number(
    _ name: String, _ json: JSONValue?, in range: ClosedRange<Float>
  ) throws(GenerationError) -> Float? {
    guard let value = try value(name, json) else { return nil }
    guard let number = value.doubleValue.map({ Float($0) }), range.contains(number) else {
      throw wrong(name, expected: "a number from \(range.lowerBound) to \(range.upperBound)", found: value)
    }
    return number
  }

  /// −1 and 0 keep all, as in requests.
  private static func topK(_ json: JSONValue?) throws(GenerationError) -> Int? {
    guard let value = try value("top_k", json) else { return nil }
    guard let number = value.intValue, (-1...Int(Int32.max)).contains(number) else {
      throw wrong("top_k", expected: "an integer from -1 to \(Int32.max)", found: value)
    }
    return max(0, number)
  }

  private static func wrong(_ name: String, expected: String, found value: JSONValue) -> GenerationError {
    let found =
      switch value {
      case .string(let text):
        "the text \(JSONValue.string(String(text.unicodeScalars.prefix(40))).serialized())"
      case .number(let number): String(number.literal.prefix(40))
      default: value.kindDescription
      }
    return .invalidOption(
      name: name, sentence: "\(name): expected \(expected), found \(found); correct it or remove it")
  }
}
