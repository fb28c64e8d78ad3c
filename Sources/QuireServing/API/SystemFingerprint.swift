import QuireJSON

/// `system_fingerprint` of answers: equal seeds give equal answers only while it stays the same.
enum SystemFingerprint {
  /// `b`, the program's version and 8 hexadecimal digits that depend on the model.
  static func text(_ options: ServerOptions) -> String {
    let facts = options.facts
    let numbers = [facts.parameterCount, facts.weightBytes, facts.fileBytes, facts.hiddenSize]
    var parts = [options.modelName, facts.recipeText ?? ""]
    parts += numbers.map { "\($0 ?? 0)" }
    parts += (facts.steps + facts.adapters).map { $0.serialized() }
    let digits = String(hash(parts.joined(separator: "\n")), radix: 16)
    return "b\(options.version)-" + String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// FNV-1a, 32 bits.
  private static func hash(_ text: String) -> UInt32 {
    text.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
  }
}

extension Service {
  /// The identity of a new answer.
  func identity(prefix: String) -> ReplyIdentity {
    ReplyIdentity(prefix: prefix, model: options.modelName, fingerprint: fingerprint)
  }
}
