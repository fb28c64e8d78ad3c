/// How a checkpoint's own chat template relates to ``ChatTemplate``, which renders chats in its place.
package enum ChatTemplateOrigin: Sendable, Equatable {
  /// A published Qwen3 template that renders as ``ChatTemplate`` does.
  case known
  /// Another text: its author may have wanted prompts that differ. Callers should say so.
  case unknown
  /// The checkpoint has none.
  case absent

  /// Fingerprints of the two published revisions (April 2025, and the one with guards for content that is no
  /// string) without line ends at their end.
  private static let knownFingerprints: Set<UInt64> = [0x2BFD_B7AA_9754_484E, 0x959A_4551_391A_6549]

  init(text: String?) {
    guard let text else {
      self = .absent
      return
    }
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
    for byte in text.utf8.dropSuffix(of: UInt8(ascii: "\n")) {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
    self = Self.knownFingerprints.contains(hash) ? .known : .unknown
  }
}

extension Tokenizer {
  /// False when the checkpoint brings a chat template that is none of Qwen3's.
  package var templateIsKnown: Bool { chatTemplateOrigin != .unknown }
}
