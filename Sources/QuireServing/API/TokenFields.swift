import QuireGeneration
import QuireJSON
import QuireText

/// The fields about single tokens that vLLM added to the API: which tokens may come, and how tokens are returned.
struct TokenFields: Sendable {
  static let shape: [String: RequestShape] = .any([
    "min_tokens", "allowed_token_ids", "bad_words", "skip_special_tokens", "include_stop_str_in_output",
    "truncate_prompt_tokens", "truncation_side",
  ])
  /// What OpenAI's chat and text completions return besides; other replies have no place for it.
  static let returnedShape: [String: RequestShape] = .any([
    "logprob_token_ids", "prompt_logprobs", "return_token_ids", "return_tokens_as_token_ids",
  ])

  var minimumTokens = 0
  /// The only tokens that may come; `nil` for all.
  var allowedTokenIDs: [Int32]?
  var badWords: [String] = []
  /// Tokens whose log-probabilities are returned at each position; they also ask for log-probabilities.
  var logprobTokenIDs: [Int32] = []
  /// Alternatives per token of the prompt; `nil`: no log-probabilities of the prompt.
  var promptLogprobCount: Int?
  var returnsTokenIDs = false
  /// Whether log-probabilities name tokens by id.
  var namesTokensByID = false
  var showsSpecialTokens = false
  var includesStop = false
  /// How a long prompt is cut; `nil`: it is refused.
  var truncation: PromptTruncation?

  /// Most bytes of all bad words.
  static let badWordBytesMaximum = 5000

  /// - Parameter areReturned: whether the reply has a place for `returnedShape`, which is not read otherwise
  init(_ reader: FieldReader, vocabularySize: Int, areReturned: Bool) throws(ServingError) {
    func ids(_ name: String) throws(ServingError) -> [Int32] {
      try reader.tokenIDs(
        reader.array(name, of: "token ids") ?? [], name, vocabularySize: vocabularySize)
    }
    minimumTokens = try reader.int("min_tokens", in: 0...Int.max) ?? 0
    if let values = reader.value("allowed_token_ids"), values.arrayValue?.isEmpty == true {
      throw reader.wrong("allowed_token_ids", expected: "at least one token id", found: values)
    }
    let allowed = try ids("allowed_token_ids")
    allowedTokenIDs = allowed.isEmpty ? nil : allowed
    badWords = try Self.badWords(reader)
    showsSpecialTokens = !(try reader.bool("skip_special_tokens") ?? true)
    includesStop = try reader.bool("include_stop_str_in_output") ?? false
    truncation = try PromptTruncation(reader)
    guard areReturned else { return }
    logprobTokenIDs = try ids("logprob_token_ids")
    let most = RequestLimits.logprobTokenCountMaximum
    guard logprobTokenIDs.count <= most else {
      throw .rejected(
        .badField(
          "logprob_token_ids",
          "logprob_token_ids: expected at most \(most) token ids, found \(logprobTokenIDs.count); send fewer")
      )
    }
    promptLogprobCount = try reader.int("prompt_logprobs", in: 0...RequestLimits.logprobCountMaximum)
    returnsTokenIDs = try reader.bool("return_token_ids") ?? false
    namesTokensByID = try reader.bool("return_tokens_as_token_ids") ?? false
    if promptLogprobCount != nil, try reader.bool("stream") ?? false {
      throw .rejected(
        .badField(
          "prompt_logprobs",
          "prompt_logprobs: expected none with \"stream\": true, because they come with a whole answer, found some; "
            + "leave out one of the two"))
    }
  }

  /// Empty words forbid nothing and are dropped.
  private static func badWords(_ reader: FieldReader) throws(ServingError) -> [String] {
    let values = try reader.array("bad_words", of: "strings") ?? []
    var words: [String] = []
    for (index, value) in values.enumerated() {
      guard let word = value.stringValue else {
        throw reader.wrong("bad_words[\(index)]", expected: "a string", found: value, advice: .correct)
      }
      if !word.isEmpty { words.append(word) }
    }
    let most = RequestLimits.badWordCountMaximum / 2
    let byteCount = words.reduce(CheckedCount(0)) { $0 + CheckedCount($1.utf8.count) }
    guard words.count <= most, byteCount.value(atMost: badWordBytesMaximum) != nil else {
      let found = words.count > most ? "\(words.count) strings" : "more bytes"
      throw .rejected(
        .badField(
          "bad_words",
          "bad_words: expected at most \(most) strings of \(badWordBytesMaximum) bytes in total, found \(found); "
            + "send fewer or shorter ones"))
    }
    return words
  }

  /// The token sequences of the bad words: each as a word at the start of a text and, where that is as many other
  /// tokens, after a space.
  func badWordTokens(_ tokenizer: Tokenizer) -> [[Int32]] {
    var sequences: [[Int32]] = []
    for word in badWords {
      let bare = String(word.drop { $0 == " " })
      let plain = tokenizer.encode(bare, addedTokens: .plainText)
      let spaced = tokenizer.encode(" " + bare, addedTokens: .plainText)
      if !plain.isEmpty { sequences.append(plain) }
      if !spaced.isEmpty, plain.isEmpty || spaced.count == plain.count && spaced[0] != plain[0] {
        sequences.append(spaced)
      }
    }
    return sequences
  }
}

/// How a prompt that is too long is cut.
struct PromptTruncation: Sendable, Equatable {
  /// Most tokens; `nil`: as many as the context has before the answer.
  private let count: Int?
  private let keepsEnd: Bool

  /// `nil` without a limit.
  init?(_ reader: FieldReader) throws(ServingError) {
    let side = try reader.string("truncation_side") ?? "left"
    guard ["left", "right"].contains(side) else {
      throw reader.wrong("truncation_side", expected: "\"left\" or \"right\"", found: .string(side))
    }
    keepsEnd = side == "left"
    let name = "truncate_prompt_tokens"
    guard reader.value(name) != nil else { return nil }
    count = try reader.limit(name, atLeast: 1)
  }

  /// - Parameter maximumTokens: Limit of the answer; `nil` for none.
  func applied(to tokens: [Int32], contextLength: Int, maximumTokens: Int?) -> [Int32] {
    // bounded: the context is not empty, and all numbers are at most its length
    let needed = min(max(maximumTokens ?? 1, 1), contextLength - 1)
    let kept = count ?? max(1, contextLength - needed)
    return Array(keepsEnd ? tokens.suffix(kept) : tokens.prefix(kept))
  }
}

extension GenerationRequest {
  /// Sets what the fields ask for.
  mutating func apply(_ fields: TokenFields, _ tokenizer: Tokenizer) {
    allowedTokenIDs = fields.allowedTokenIDs
    badWords = fields.badWordTokens(tokenizer)
    logprobTokenIDs = fields.logprobTokenIDs
    promptLogprobCount = fields.promptLogprobCount
    showsSpecialTokens = fields.showsSpecialTokens
    includesStop = fields.includesStop
    if fields.promptLogprobCount != nil { wantsPromptLogprobs = true }
  }
}
