import Foundation
import QuireGeneration
import QuireGrammar
import QuireText
import TestSupport
import Testing

/// What is not allowed has probability 0; what is allowed keeps its proportions.
@Suite struct TokenRestrictionTests {
  private func restriction(_ expression: String, extras: [Int32] = []) throws -> TokenRestriction {
    let constraint = try ConstraintCompiler(tinyTokenizer).compile(.regex(expression))
    let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
    return TokenRestriction(mask: try #require(try matcher.allowedTokens()).mask, extras: extras)
  }

  @Test func theDistributionIsThatOfTheAllowedTokens() throws {
    let size = tinyTokenizer.vocabularySize
    var generator = SeededGenerator(seed: 5)
    let logits = generator.gaussians(size, scale: 3)
    let workspace = SamplerWorkspace(capacity: size)
    let end = Int32(TinyTokenizer.endOfTurn)
    for bias in [[:], [65: 4, end: -2]] as [[Int32: Float]] {
      var parameters = SamplingParameters(temperature: 0.8, seed: 1)
      parameters.logitBias = bias
      let sampler = Sampler(parameters, prompt: [1], maximumTokens: 4, seed: 1, vocabularySize: size)
      let found = try logits.withUnsafeBufferPointer {
        try sampler.distribution(
          logits: $0, workspace: workspace, among: try restriction("[A-E]|z", extras: [end]))
      }.filter { $0.probability > 0 }
      let allowed = Array(65...69) + [122, end]
      #expect(found.map(\.id) == allowed.sorted())
      let weights = allowed.sorted().map { exp(Double(logits[Int($0)] + (bias[$0] ?? 0)) / 0.8) }
      for (token, weight) in zip(found, weights) {
        #expect(abs(token.probability - weight / weights.reduce(0, +)) < 1e-5)
      }
    }
  }

  @Test func greedyChoosesTheBestAllowedToken() throws {
    let size = tinyTokenizer.vocabularySize
    var generator = SeededGenerator(seed: 6)
    let workspace = SamplerWorkspace(capacity: size)
    for _ in 0..<20 {
      let logits = generator.gaussians(size)
      var sampler = Sampler(.greedy, prompt: [1], maximumTokens: 4, seed: 1, vocabularySize: size)
      let restriction = try restriction("[0-9]+")
      let token = try logits.withUnsafeBufferPointer {
        try sampler.next(logits: $0, workspace: workspace, among: restriction)
      }
      let best = (48...57).max { logits[$0] < logits[$1] }
      #expect(Int(token) == best)
    }
  }

  /// Prints the time of restricting next to that of sampling, with Qwen3's vocabulary.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["QUIRE_MEASURE_MASKS"] != nil)) func measurement()
    throws
  {
    let folder = try #require(TestPaths.shared("qwen3-tokenizer"))
    let tokenizer = try Tokenizer(folder: folder)
    let compiler = ConstraintCompiler(tokenizer)
    let size = tokenizer.vocabularySize
    var generator = SeededGenerator(seed: 5)
    let logits = generator.gaussians(size, scale: 3)
    let workspace = SamplerWorkspace(capacity: size)
    var sampler = Sampler(.greedy, prompt: [1], maximumTokens: 4, seed: 1, vocabularySize: size)
    for expression in ["", "[0-9]", ".*", "[^\"\\\\\\n]*", "[a-z ]*"] {
      var restriction: TokenRestriction?
      if !expression.isEmpty {
        let matcher = ConstraintMatcher(
          try compiler.compile(.regex(expression)), prompt: [1], chatFormat: nil)
        restriction = TokenRestriction(mask: try #require(try matcher.allowedTokens()).mask)
      }
      let start = ContinuousClock.now
      for _ in 0..<200 {
        _ = try logits.withUnsafeBufferPointer {
          try sampler.next(logits: $0, workspace: workspace, among: restriction)
        }
      }
      let count = restriction?.mask?.count ?? size
      print("greedy among \(count) tokens: \(start.duration(to: .now) / 200)")
    }
  }
}
