/// Limits how much text one request may tokenize, and with it the time that takes.
///
/// Ordinary text that fits the context passes: Qwen3's tokens average about 4 bytes, far below the limit of 32.
struct TextLimit: Sendable {
  /// All texts of a request together, in bytes of UTF-8.
  let byteCount: Int
  let contextLength: Int

  init(contextLength: Int) {
    self.contextLength = contextLength
    byteCount = max(2 << 20, 32 * min(contextLength, 1 << 40))
  }

  /// Throws when `found` bytes are too many.
  func check(_ found: Int, field: String) throws(ServingError) {
    guard found > byteCount else { return }
    throw .rejected(
      .badField(
        field,
        "\(field): expected at most \(byteCount) bytes of text for a context of \(contextLength) tokens, found \(found); "
          + "send less", code: "context_length_exceeded"))
  }
}
