import Foundation
import QuireJSON
import TestSupport
import Testing

/// The log-probabilities of a prompt, as `serve` gives them, against those of the rows that `logits` writes.
@Suite struct LikelihoodTests {
  private static let bound = 1e-3
  /// More than one chunk of a prompt.
  private static let tokens = (0..<600).map { Int32(($0 * 7919 + 13) % 300) }

  /// Log-probability of each token after the first, from rows of `logits`.
  private static func expected(cache: String) throws -> [Double] {
    let folder = TemporaryFolder()
    let path = folder.path + "/l.safetensors"
    let outcome = try BuiltProgram.quire.run([
      "logits", Workplace.demo, "--tokens", tokens.map(String.init).joined(separator: ","), "--output", path,
      "--kv-cache", cache,
    ])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let file = GoldenFile(path: path)
    let width = file.shape("logits")[1]
    let logits = file.floats("logits")
    return tokens.indices.dropFirst().map { index in
      let row = logits[(index - 1) * width..<index * width].map(Double.init)
      let maximum = row.max() ?? 0
      let sum = row.reduce(0) { $0 + exp($1 - maximum) }
      return row[Int(tokens[index])] - maximum - log(sum)
    }
  }

  private static func request(_ members: [String: JSONValue]) -> JSONValue {
    var body = JSONObject()
    body["prompt"] = .array(tokens.map { .int(Int($0)) })
    body["temperature"] = 0
    for (key, value) in members { body[key] = value }
    return .object(body)
  }

  private static func distance(_ found: [Double], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  @Test(arguments: ["float32", "float16", "int8"])
  func equalThoseOfLogits(_ cache: String) throws {
    let expected = try Self.expected(cache: cache)
    #expect((expected.min() ?? 0) < -1, "tokens that are all certain would show nothing")
    let server = try ServedProgram(Workplace.demo, ["--kv-cache", cache])

    // As OpenAI's completions and lm-eval have it.
    let (status, echoed) = try server.post(
      "/v1/completions", Self.request(["echo": true, "logprobs": 1, "max_tokens": 0]))
    try #require(status == 200, "\(echoed)")
    let logprobs = try #require(
      echoed["choices"]?.arrayValue?.first?["logprobs"]?["token_logprobs"]?.arrayValue)
    #expect(logprobs.first?.doubleValue == nil)
    #expect(Self.distance(logprobs.compactMap(\.doubleValue), expected) <= Self.bound)

    // As vLLM has it.
    let (_, answer) = try server.post(
      "/v1/completions", Self.request(["prompt_logprobs": 0, "max_tokens": 1]))
    let entries = try #require(answer["choices"]?.arrayValue?.first?["prompt_logprobs"]?.arrayValue)
    let found = zip(entries, Self.tokens).compactMap { $0[String($1)]?["logprob"]?.doubleValue }
    #expect(Self.distance(found, expected) <= Self.bound)
  }
}
