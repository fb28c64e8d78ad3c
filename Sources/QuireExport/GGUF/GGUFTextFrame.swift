import QuireFiles
import QuireText

/// The tokens that a tokenizer adds before and after each text that is not a chat, as keys of a GGUF file.
struct GGUFTextFrame: Sendable {
  let entries: [GGUFMetadata.Entry]
  /// What no key holds, as a sentence for the plan.
  let loss: String?

  /// GGUF has flags for one token before each text, the file's bos, and one after it, the file's eos.
  ///
  /// - Parameters:
  ///   - bos: The model's token at the beginning of a sequence.
  ///   - eos: The token that the file names as eos.
  init(_ tokenizer: Tokenizer, bos: Int32?, eos: Int32?) {
    let frame = tokenizer.textFrame
    let first = frame.before.count == 1 ? frame.before[0] : nil
    let addsLast = frame.after.count == 1 && frame.after[0] == eos
    var entries: [GGUFMetadata.Entry] = []
    if let id = first ?? bos, id >= 0 { entries.append(("tokenizer.ggml.bos_token_id", .uint32(UInt32(id)))) }
    entries.append(("tokenizer.ggml.add_bos_token", .bool(first != nil)))
    if addsLast { entries.append(("tokenizer.ggml.add_eos_token", .bool(true))) }
    self.entries = entries
    let lost = (first == nil ? frame.before : []) + (addsLast ? [] : frame.after)
    loss =
      lost.isEmpty
      ? nil
      : "added to each text: GGUF has keys for one token before a text and for the end token after it, so that the tokens "
        + "\(ListText.of(lost.prefix(8).map(String.init))) are not added"
  }
}
