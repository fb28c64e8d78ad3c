package import QuireJSON

extension ModelFacts {
  /// The evaluation's main figures of the served model, for lists of models; nil when it was not measured.
  ///
  /// Of a pack they are those of its last step, of a checkpoint with a report those of the report's first row.
  package var evaluation: JSONValue? {
    let row = kind == .checkpoint ? report?["rows"]?.arrayValue?.first : steps.last
    guard let row else { return nil }
    var members = JSONObject()
    for (name, key) in [
      ("perplexity", "perplexity"), ("perplexity_ratio", "perplexityRatio"), ("kl_mean", "klMean"),
      ("top_one_agreement", "topOneAgreement"),
    ] {
      if let value = row[key], value.isNumber { members[name] = value }
    }
    for (name, key) in [("accuracy_thinking", "thinking"), ("accuracy_non_thinking", "nonThinking")] {
      if let value = row["tasks"]?["all"]?[key]?["accuracy"], value.isNumber { members[name] = value }
    }
    return members.members.isEmpty ? nil : .object(members)
  }
}

extension ModelFacts {
  private static let sensitivityKey = "sensitivity"

  /// What each part of the checkpoint is worth, as a report says it: the given one, else that of the pack, which is with the
  /// row of the checkpoint. Nil when it was not measured.
  package var sensitivity: JSONValue? {
    report?[Self.sensitivityKey] ?? steps.lazy.compactMap { $0[Self.sensitivityKey] }.first
  }

  /// The rows and the report without it.
  var shownSteps: [JSONValue] { steps.map(Self.withoutSensitivity) }
  var shownReport: JSONValue? { report.map(Self.withoutSensitivity) }

  private static func withoutSensitivity(_ value: JSONValue) -> JSONValue {
    guard var object = value.objectValue, object[sensitivityKey] != nil else { return value }
    object[sensitivityKey] = nil
    return .object(object)
  }
}

extension JSONValue {
  fileprivate var isNumber: Bool {
    if case .number = self { true } else { false }
  }
}
