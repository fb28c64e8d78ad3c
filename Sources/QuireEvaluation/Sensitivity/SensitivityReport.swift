import QuireFiles
import QuireConversion
import QuireModel
import QuireOptimization
package import QuireJSON

/// What each part of the reference is worth, from `SensitivitySurvey`.
package struct SensitivityReport: Sendable, Equatable {
  /// A matrix that is rounded alone, or a unit of heads that is removed alone.
  package struct Cost: Sendable, Equatable {
    /// The share of the part's output (its mean square) that is lost; of the weights where inputs are not known.
    package let outputError: Double?
    /// Mean KL divergence of the whole model, nats per token.
    package let divergence: Double?
  }

  /// One matrix in the smallest format that fits it.
  package struct Matrix: Sendable, Equatable {
    package let name: String
    /// Nil for embedding and lm_head.
    package let layer: Int?
    /// The matrix's name within a layer: "q_proj".
    package let part: String
    package let format: String
    package let cost: Cost
  }

  /// The calibration text and its tokens.
  package let text: String
  package let tokenCount: Int
  package let matrices: [Matrix]
  /// Per layer, in the order of the heads; empty where the model has nothing to remove.
  package let groups: [[Cost]]
  package let heads: [[Cost]]
}

extension SensitivityReport {
  init(_ survey: Survey, text: String, tokenCount: Int) {
    self.text = text
    self.tokenCount = tokenCount
    matrices = survey.sensitivities.compactMap { sensitivity in
      sensitivity.options.first.map { option in
        let (layer, part) = Self.place(sensitivity.tensor)
        return Matrix(
          name: sensitivity.tensor.string, layer: layer, part: part, format: "\(option.format)",
          cost: Cost(outputError: option.outputError, divergence: option.divergence))
      }
    }
    func costs(_ step: Int) -> [[Cost]] {
      (survey.pruning[step]?.layers ?? []).map { layer in
        layer.scores.enumerated().map { index, score in
          Cost(outputError: score.relativeError, divergence: layer.trials[index])
        }
      }
    }
    groups = costs(SensitivitySurvey.groupStep)
    heads = costs(SensitivitySurvey.headStep)
  }

  /// "model.layers.3.self_attn.q_proj.weight" is q_proj of layer 3.
  private static func place(_ tensor: TensorName) -> (layer: Int?, part: String) {
    let words = tensor.string.split(separator: ".").filter { $0 != "weight" }
    let part = words.last.map(String.init) ?? tensor.string
    if case .layer(let index, _) = tensor { return (index, part) }
    return (nil, part)
  }
}

extension SensitivityReport {
  /// The same without the folders of the text, which are those of the machine that measured.
  var withoutFolder: SensitivityReport {
    SensitivityReport(
      text: PathText.name(of: text), tokenCount: tokenCount,
      matrices: matrices, groups: groups, heads: heads)
  }
}

// Stored in the report's JSON, among the kept results, and in packs.
extension SensitivityReport {
  package var json: JSONValue {
    [
      "text": .string(text), "tokens": .int(tokenCount),
      "matrices": .array(
        matrices.map { matrix in
          var members: JSONObject = [
            "name": .string(matrix.name), "layer": matrix.layer.map { .int($0) } ?? .null,
            "part": .string(matrix.part), "format": .string(matrix.format),
          ]
          matrix.cost.add(to: &members)
          return .object(members)
        }),
      "kvGroups": .array(groups.map { .array($0.map(\.json)) }),
      "heads": .array(heads.map { .array($0.map(\.json)) }),
    ]
  }

  /// Nil when the value is not such a report's.
  package init?(json: JSONValue) {
    guard let text = json["text"]?.stringValue, let tokens = json["tokens"]?.intValue,
      let matrices = json["matrices"]?.arrayValue
    else { return nil }
    self.text = text
    tokenCount = tokens
    self.matrices = matrices.compactMap { value in
      guard let name = value["name"]?.stringValue, let part = value["part"]?.stringValue else { return nil }
      // A layer decides a row of a table, so it is not any number.
      let layer = value["layer"]?.intValue.flatMap { (0..<100_000).contains($0) ? $0 : nil }
      return Matrix(
        name: name, layer: layer, part: part, format: value["format"]?.stringValue ?? "", cost: Cost(value))
    }
    func costs(_ key: String) -> [[Cost]] {
      (json[key]?.arrayValue ?? []).map { ($0.arrayValue ?? []).map(Cost.init) }
    }
    groups = costs("kvGroups")
    heads = costs("heads")
  }
}

extension SensitivityReport.Cost {
  fileprivate init(_ json: JSONValue) {
    outputError = json["outputError"]?.doubleValue
    divergence = json["kl"]?.doubleValue
  }

  fileprivate var json: JSONValue {
    var members = JSONObject()
    add(to: &members)
    return .object(members)
  }

  fileprivate func add(to members: inout JSONObject) {
    if let outputError { members["outputError"] = .double(outputError) }
    if let divergence { members["kl"] = .double(divergence) }
  }
}
