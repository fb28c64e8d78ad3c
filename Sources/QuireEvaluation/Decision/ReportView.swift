import QuireFiles
package import QuireJSON

/// A report as it is read from the JSON that `evaluate` writes: for the page, the gate and comparisons, which need no
/// run.
package struct ReportView: Sendable {
  package let json: JSONValue
  package let rows: [Row]
  /// What it is called in sentences: the path of its file.
  let name: String

  /// Throws one sentence when the value is not such a report.
  package init(json: JSONValue, name: String) throws(EvaluationError) {
    guard let rows = Self.rows(of: json),
      rows.allSatisfy({ $0["sizeBytes"].map { $0.isNull || $0.intValue != nil } ?? false })
    else {
      throw .malformedReport(path: name, found: Self.kind(of: json))
    }
    self.json = json
    self.name = name
    let views = rows.map(Row.init)
    self.rows = views.map { row in
      var row = row
      row.isFinal = row.isFinal && !views.contains { $0.follows(row) }
      return row
    }
  }

  /// What a value is that is no report of an evaluation.
  package static func kind(of json: JSONValue) -> String {
    guard let object = json.objectValue else { return json.kindDescription }
    if object["kind"] == "ablation" { return "the report of quire ablate" }
    if object["limits"] != nil, object["rows"] != nil { return "the report of quire bench" }
    return "no list \"rows\" of steps"
  }

  /// The rows of a report, each with its step; nil for any other value.
  package static func rows(of json: JSONValue) -> [JSONValue]? {
    guard let rows = json["rows"]?.arrayValue, !rows.isEmpty,
      rows.allSatisfy({ $0["step"]?.stringValue != nil })
    else { return nil }
    return rows
  }

  /// Reads a report's file.
  package init(path: String) throws(EvaluationError) {
    let bytes: [UInt8]
    do throws(TextProblem) { bytes = try TextFile.bytes(path: path) } catch {
      throw .malformedReport(path: path, found: error.description)
    }
    try self.init(bytes: bytes, name: path)
  }

  /// Reads a report's text.
  package init(bytes: [UInt8], name: String) throws(EvaluationError) {
    let json: JSONValue
    do throws(JSONError) { json = try JSONValue.parse(bytes) } catch {
      throw .malformedReport(path: name, found: "an error (\(error))")
    }
    try self.init(json: json, name: name)
  }

  package var reference: Row? { rows.first(where: \.isReference) }

  /// The modes that were asked, in the report's order.
  package var modes: [String] {
    var modes: [String] = []
    for row in rows {
      for mode in row.json["tasks"]?[TaskProblem.aggregateName]?.objectValue?.keys ?? []
      where !modes.contains(mode) {
        modes.append(mode)
      }
    }
    return modes
  }

  /// The tasks that were asked, "all" last.
  package var tasks: [String] {
    rows.lazy.compactMap { $0.json["tasks"]?.objectValue?.keys }.first { !$0.isEmpty } ?? []
  }

  /// The name of a mode in sentences.
  package static func title(ofMode mode: String) -> String {
    if mode == "nonThinking" { return "non-thinking" }
    return mode.hasPrefix("thinking-") ? "thinking ≤ \(mode.dropFirst("thinking-".count)) tokens" : mode
  }
}

extension ReportView {
  /// One row.
  package struct Row: Sendable {
    package let json: JSONValue
    package let label: String
    package let isReference: Bool
    /// Whether it is a model that could be used: a pack, or the last step of a recipe.
    package fileprivate(set) var isFinal: Bool
    /// The recipe and the number of its steps, with any type of cache; nil for other rows.
    private let recipe: (index: Int, stepCount: Int)?

    init(_ json: JSONValue) {
      self.json = json
      let step = json["step"]?.stringValue ?? ""
      let name = json["recipe"]?.stringValue
      label = json["label"]?.stringValue ?? EvaluationRow.label(step: step, recipe: name)
      let identity = json["row"]?.stringValue ?? step
      isReference = identity == EvaluationRow.referenceStep
      isFinal = !isReference
      let parts = identity.split(separator: "-")
      recipe =
        (parts.count == 4 || parts.count == 6 && parts[4] == "cache") && parts[0] == "recipe"
        ? Int(parts[1]).flatMap { index in Int(parts[3]).map { (index, $0) } } : nil
    }

    fileprivate func follows(_ other: Row) -> Bool {
      guard let recipe, let before = other.recipe else { return false }
      return recipe.index == before.index && recipe.stepCount > before.stepCount
    }

    package func number(_ key: String) -> Double? { json[key]?.doubleValue }

    /// The value of a key with the error under `errorKey`, by default the key with "Error".
    package func estimate(_ key: String, error errorKey: String? = nil) -> Estimate? {
      number(key).map { Estimate(value: $0, standardError: number(errorKey ?? key + "Error")) }
    }

    /// Nil for a server that does not say it.
    package var sizeBytes: Double? { number("sizeBytes") }

    /// Whether a figure should have an error that there were too few observations for.
    func lacksError(_ key: String) -> Bool { json[key + "Error"]?.isNull ?? false }

    /// Whether every distribution of the text was the reference's, so that nothing is left to chance.
    var isIdentical: Bool { number("klMax") == 0 }

    package func score(_ task: String, _ mode: String) -> Score? {
      json["tasks"]?[task]?[mode].flatMap(Score.init)
    }
  }

  /// A task's score in a mode.
  package struct Score: Sendable {
    package let accuracy: Estimate
    package let tokensPerAnswer: Estimate
    package let secondsPerAnswer: Double?
    package let problemCount: Int
    /// Against the reference; nil where there is none.
    package let flips: AnswerFlips?
    /// A digit per problem, 1 for a right answer; only of all tasks together.
    package let outcomes: String?

    /// The error of the accuracy in a difference from that of another row. Where all answers are right, or all wrong, they
    /// show no spread; then an answer of each kind is added (Agresti and Caffo, The American Statistician 54, 2000,
    /// pp. 280–288).
    var spreadError: Double? {
      guard let error = accuracy.standardError, error == 0 else { return accuracy.standardError }
      let count = Double(problemCount)
      let share = (accuracy.value * count + 1) / (count + 2)
      return max(0, share * (1 - share) / (count + 2)).squareRoot()
    }

    init?(_ json: JSONValue) {
      guard let accuracy = json["accuracy"]?.doubleValue, let tokens = json["tokensPerAnswer"]?.doubleValue,
        let count = json["problems"]?.count.value
      else { return nil }
      self.accuracy = Estimate(value: accuracy, standardError: json["standardError"]?.doubleValue)
      tokensPerAnswer = Estimate(value: tokens, standardError: json["tokensPerAnswerError"]?.doubleValue)
      secondsPerAnswer = json["secondsPerAnswer"]?.doubleValue
      problemCount = count
      outcomes = json["outcomes"]?.stringValue
      let flips = json["flips"]
      if let lost = flips?["rightToWrong"]?.count.value, let won = flips?["wrongToRight"]?.count.value,
        CheckedCount(lost) + CheckedCount(won) <= count
      {
        self.flips = AnswerFlips(problemCount: count, rightToWrong: lost, wrongToRight: won)
      } else {
        self.flips = nil
      }
    }
  }
}

/// Whether a count has a value of at most `limit`.
private func <= (count: CheckedCount, limit: Int) -> Bool { count.value(atMost: limit) != nil }
