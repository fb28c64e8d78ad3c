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

extension JSONValue {
  fileprivate var isNumber: Bool {
    if case .number = self { true } else { false }
  }
}
