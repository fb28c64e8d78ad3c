import QuireJSON
import QuireRemote
import QuireText

/// How a server gives the log-probabilities of a prompt's tokens, found by trying.
enum ServerScoring: Sendable, Equatable {
  /// OpenAI's `echo` with `logprobs`; some servers generate at least one token.
  case echo(generated: Int, fingerprint: String)
  /// vLLM's `prompt_logprobs`.
  case promptLogprobs(fingerprint: String)
  /// It gives none, or its vocabulary is another one; the sentence's end says which.
  case none(reason: String)
  /// Nothing needs them.
  case notAsked

  /// Identifies the model as far as the server says; empty where it does not.
  var fingerprint: String {
    switch self {
    case .echo(_, let fingerprint), .promptLogprobs(let fingerprint): fingerprint
    case .none, .notAsked: ""
    }
  }

  /// Characters of many kinds, so that another vocabulary has other tokens.
  private static let sample =
    "The quick brown fox, 3.1415926 % of 2048 – “Größe”: def f(x): return x**2 # 你好 naïve\tcafé\n"

  static func probe(
    _ server: RemoteServer, model: String, tokenizer: Tokenizer, _ connection: RemoteConnection
  ) throws(RemoteError) -> ServerScoring {
    let tokens = tokenizer.encode(sample)
    let forms: [ServerScoring] = [
      .echo(generated: 0, fingerprint: ""), .echo(generated: 1, fingerprint: ""),
      .promptLogprobs(fingerprint: ""),
    ]
    var reason = "it gives no log-probabilities of a prompt's tokens"
    var refusals: [String] = []
    for form in forms {
      let answer: JSONValue
      do throws(RemoteError) {
        answer = try server.send(form.body(tokens, model: model), to: "completions", over: connection)
      } catch {
        guard let message = Self.refusal(error) else { throw error }
        refusals.append(message)
        continue
      }
      guard form.logprobs(in: answer, count: tokens.count) != nil else { continue }
      guard form.names(in: answer, tokens, tokenizer) else {
        reason = "its vocabulary is not that of the models here"
        continue
      }
      let fingerprint = answer["system_fingerprint"]?.stringValue ?? ""
      switch form {
      case .echo(let generated, _): return .echo(generated: generated, fingerprint: fingerprint)
      default: return .promptLogprobs(fingerprint: fingerprint)
      }
    }
    guard let message = refusals.first, refusals.count == forms.count else { return .none(reason: reason) }
    return .none(reason: "\(reason): it refuses a request with token ids with \(message)")
  }

  /// Some servers answer a form that they do not know with status 500 instead of 400.
  private static func refusal(_ error: RemoteError) -> String? {
    guard case .refused(_, let status, let message) = error, status == 500 || error.refusal != nil else {
      return nil
    }
    return "status \(status): \(message)"
  }

  /// The request for the log-probabilities of these tokens.
  func body(_ tokens: [Int32], model: String) -> JSONValue {
    var body: JSONObject = [
      "model": .string(model), "prompt": .array(tokens.map { .int($0) }), "temperature": 0,
    ]
    switch self {
    case .echo(let generated, _):
      body["max_tokens"] = .int(generated)
      body["echo"] = true
      body["logprobs"] = 1
    case .promptLogprobs:
      body["max_tokens"] = 1
      body["prompt_logprobs"] = 0
    case .none, .notAsked: break
    }
    return .object(body)
  }

  /// The log-probability of each token of the prompt but the first; nil for an answer without them.
  func logprobs(in answer: JSONValue, count: Int) -> [Double]? {
    let choice = answer["choices"]?[0]
    let values: [Double?]
    switch self {
    case .echo(let generated, _):
      guard let list = choice?["logprobs"]?["token_logprobs"]?.arrayValue,
        (count...count + generated).contains(list.count)
      else { return nil }
      values = list.map(\.doubleValue)
    case .promptLogprobs:
      guard let list = (choice?["prompt_logprobs"] ?? answer["prompt_logprobs"])?.arrayValue,
        list.count == count
      else { return nil }
      // The token itself comes first; only its alternatives have better ranks.
      values = list.map { $0.objectValue?.members.first?.value["logprob"]?.doubleValue }
    case .none, .notAsked: return nil
    }
    let scored = values.prefix(count).dropFirst().compactMap { $0 }
    // Rounding may give a little more than 0.
    guard scored.count == count - 1, scored.allSatisfy({ $0 <= 1e-3 && !$0.isNaN }) else { return nil }
    return scored
  }

  /// Whether the server calls the tokens what they are here.
  private func names(in answer: JSONValue, _ tokens: [Int32], _ tokenizer: Tokenizer) -> Bool {
    let choice = answer["choices"]?[0]
    switch self {
    case .echo:
      let text = String(decoding: tokenizer.decode(tokens), as: UTF8.self)
      return choice?["text"]?.stringValue?.utf8.starts(with: text.utf8) ?? false
    case .promptLogprobs:
      let list = (choice?["prompt_logprobs"] ?? answer["prompt_logprobs"])?.arrayValue ?? []
      return zip(list, tokens).dropFirst().allSatisfy { entry, token in
        guard let member = entry.objectValue?.members.first, member.key == "\(token)" else { return false }
        // Parts of characters have no text of their own.
        guard let text = String(validating: tokenizer.bytes(of: token), as: UTF8.self) else { return true }
        return member.value["decoded_token"]?.stringValue.map { $0 == text } ?? true
      }
    case .none, .notAsked: return false
    }
  }
}
