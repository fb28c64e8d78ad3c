import QuireGeneration
import QuireJSON

/// What an answer shows of its prompt's tokens, in the form of vLLM.
enum PromptLogprobs {
  /// `prompt_logprobs`: null for the first token; for each other one an object by token id with the token itself and then
  /// the most probable ones.
  static func json(_ records: [TokenRecord], count: Int) -> JSONValue {
    .array(
      records.map { record in
        guard let logprob = record.logprob else { return .null }
        var members = JSONObject()
        insert(record.id, record.bytes, logprob, rank: record.rank, into: &members)
        for (index, other) in record.top.prefix(count).enumerated() {
          insert(other.id, other.bytes, other.logprob, rank: index + 1, into: &members)
        }
        return .object(members)
      })
  }

  private static func insert(
    _ id: Int32, _ bytes: ArraySlice<UInt8>, _ logprob: Float, rank: Int?, into members: inout JSONObject
  ) {
    _ = members.appendIfNew(
      "\(id)",
      [
        "logprob": .logprob(logprob), "rank": rank.map { .int($0) } ?? .null,
        "decoded_token": .string(TokenText.text(bytes)),
      ])
  }
}

extension JSONValue {
  /// An array of token ids; null for `nil`.
  static func ids(_ ids: [Int32]?) -> JSONValue { ids.map { .array($0.map { .int($0) }) } ?? .null }
}
