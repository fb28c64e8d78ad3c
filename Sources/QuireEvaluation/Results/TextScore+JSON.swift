import QuireJSON

extension Estimate {
  var keptJSON: JSONValue { [.double(value), standardError.map { .double($0) } ?? .null] }

  init?(kept json: JSONValue?) {
    guard let value = json?[0]?.doubleValue else { return nil }
    self.init(value: value, standardError: json?[1]?.doubleValue)
  }
}

extension SpeedScore {
  var keptJSON: JSONValue {
    ["prompt": prompt.keptJSON, "decode": decode.keptJSON, "repeats": .int(repeatCount)]
  }

  init?(kept json: JSONValue) {
    guard let prompt = Estimate(kept: json["prompt"]), let decode = Estimate(kept: json["decode"]),
      let repeats = json["repeats"]?.intValue
    else { return nil }
    self.init(prompt: prompt, decode: decode, repeatCount: repeats)
  }
}

extension TextScore {
  var keptJSON: JSONValue {
    var json: JSONObject = ["tokens": .int(tokenCount), "surprise": negativeLogLikelihood.keptJSON]
    json["ratio"] = perplexityRatio?.keptJSON
    if let comparison {
      json["divergence"] = comparison.divergence.keptJSON
      json["p99"] = .double(comparison.divergenceP99)
      json["max"] = .double(comparison.divergenceMaximum)
      json["agreement"] = comparison.topOneAgreement.keptJSON
    }
    return .object(json)
  }

  init?(kept json: JSONValue) {
    guard let tokens = json["tokens"]?.intValue, let negativeLogLikelihood = Estimate(kept: json["surprise"])
    else {
      return nil
    }
    let ratio = Estimate(kept: json["ratio"])
    guard let ratio, json["divergence"] != nil else {
      self.init(
        tokenCount: tokens, negativeLogLikelihood: negativeLogLikelihood, comparison: nil,
        perplexityRatio: ratio)
      return
    }
    guard let divergence = Estimate(kept: json["divergence"]), let p99 = json["p99"]?.doubleValue,
      let maximum = json["max"]?.doubleValue, let agreement = Estimate(kept: json["agreement"])
    else { return nil }
    self.init(
      tokenCount: tokens, negativeLogLikelihood: negativeLogLikelihood,
      comparison: Comparison(
        perplexityRatio: ratio, divergence: divergence, divergenceP99: p99, divergenceMaximum: maximum,
        topOneAgreement: agreement))
  }
}

/// The scores of a text, kept step by step.
struct ScoreLog {
  private let log: ResultLog
  /// The scores of the plan's first steps.
  private(set) var steps: [[TokenScore]]

  init(_ log: ResultLog) {
    self.log = log
    steps = []
    for part in log.parts {
      guard let scores = Self.scores(part) else { break }
      steps.append(scores)
    }
  }

  mutating func append(_ scores: [TokenScore]) throws(EvaluationError) {
    func list(_ value: (TokenScore) -> Double) -> JSONValue { .array(scores.map { .double(value($0)) }) }
    try log.append([
      "own": list(\.negativeLogLikelihood), "reference": list(\.referenceNegativeLogLikelihood),
      "divergence": list(\.divergence),
      "agrees": .array(scores.map { .bool($0.agreesOnTop) }),
    ])
    steps.append(scores)
  }

  private static func scores(_ json: JSONValue) -> [TokenScore]? {
    func list(_ key: String) -> [Double]? {
      json[key]?.arrayValue.flatMap { values in
        let numbers = values.compactMap(\.doubleValue)
        return numbers.count == values.count ? numbers : nil
      }
    }
    guard let own = list("own"), let reference = list("reference"), let divergence = list("divergence"),
      let agrees = json["agrees"]?.arrayValue, reference.count == own.count, divergence.count == own.count,
      agrees.count == own.count
    else { return nil }
    return own.indices.map { index in
      var score = TokenScore()
      score.negativeLogLikelihood = own[index]
      score.referenceNegativeLogLikelihood = reference[index]
      score.divergence = divergence[index]
      score.agreesOnTop = agrees[index].boolValue ?? false
      return score
    }
  }
}
