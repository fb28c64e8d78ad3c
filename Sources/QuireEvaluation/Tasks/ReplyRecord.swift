import QuireJSON

/// A model's reply to a problem before it is judged, as it is kept on disk. The judgement is made from it every time, so
/// that it needs no second run when a judge changes.
package struct ReplyRecord: Sendable, Equatable {
  /// The text outside of the thought; empty for a problem that is answered by log-probabilities.
  package var content = ""
  package var promptTokens = 0
  /// Generated tokens, thought and end included.
  package var tokenCount = 0
  package var thoughtTokens = 0
  /// Whether the reply reached its token limit.
  package var isTruncated = false
  /// The log-likelihood of each choice, in nats; empty for a generated reply.
  package var choiceScores: [Double] = []

  package init(
    content: String = "", promptTokens: Int = 0, tokenCount: Int = 0, thoughtTokens: Int = 0,
    isTruncated: Bool = false, choiceScores: [Double] = []
  ) {
    self.content = content
    self.promptTokens = promptTokens
    self.tokenCount = tokenCount
    self.thoughtTokens = thoughtTokens
    self.isTruncated = isTruncated
    self.choiceScores = choiceScores
  }
}

extension ReplyRecord {
  /// As a part of a log: `index` is that of the problem.
  func json(index: Int) -> JSONValue {
    [
      "problem": .int(index), "content": .string(content), "prompt": .int(promptTokens),
      "tokens": .int(tokenCount), "thought": .int(thoughtTokens), "cut": .bool(isTruncated),
      "choices": .array(choiceScores.map { .double($0) }),
    ]
  }

  /// Nil for anything else than a part of a log.
  static func read(_ json: JSONValue) -> (index: Int, record: ReplyRecord)? {
    guard let index = json["problem"]?.intValue, let content = json["content"]?.stringValue,
      let prompt = json["prompt"]?.intValue, let tokens = json["tokens"]?.intValue,
      let thought = json["thought"]?.intValue, let isTruncated = json["cut"]?.boolValue,
      let choices = json["choices"]?.arrayValue
    else { return nil }
    let scores = choices.compactMap(\.doubleValue)
    guard scores.count == choices.count else { return nil }
    return (
      index,
      ReplyRecord(
        content: content, promptTokens: prompt, tokenCount: tokens, thoughtTokens: thought,
        isTruncated: isTruncated, choiceScores: scores)
    )
  }
}

/// The replies to a set of problems in one mode, kept one by one.
struct ReplyLog {
  private let log: ResultLog
  /// By problem.
  private(set) var records: [Int: ReplyRecord] = [:]

  /// - Parameter count: the number of problems; records of others are ignored.
  init(_ log: ResultLog, count: Int) {
    self.log = log
    for part in log.parts {
      if let (index, record) = ReplyRecord.read(part), (0..<count).contains(index) { records[index] = record }
    }
  }

  mutating func append(_ record: ReplyRecord, to index: Int) throws(EvaluationError) {
    try log.append(record.json(index: index))
    records[index] = record
  }
}
