// What Qwen3's authors document besides the template: soft switches in messages, and how to end a thought early.

extension Qwen3Chat {
  /// From Qwen's documentation, "Thinking Budget". The model was not trained on it; it follows it all the same.
  static let closingSentence =
    "Considering the limited time by the user, I have to give the solution based on the thinking directly now."

  /// The mode of the last `/think` or `/no_think` in messages of the user and the system, from the model card, "Switching
  /// Between Thinking and Non-Thinking via User Input". A switch is a word of its own, between white space.
  static func softSwitch(in messages: [ChatMessage]) -> ThinkingMode? {
    for message in messages.reversed() where message.role == .user || message.role == .system {
      if let mode = message.content.flatMap(lastSwitch) { return mode }
    }
    return nil
  }

  private static func lastSwitch(in text: String) -> ThinkingMode? {
    let bytes = Array(text.utf8)
    for start in bytes.indices.reversed() where bytes[start] == UInt8(ascii: "/") {
      guard start == 0 || isSpace(bytes[start - 1]) else { continue }
      let word = bytes[start...].prefix { !isSpace($0) }
      if word.elementsEqual("/no_think".utf8) { return .nonThinking }
      if word.elementsEqual("/think".utf8) { return .thinking }
    }
    return nil
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte)
  }
}
