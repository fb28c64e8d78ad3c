import QuireJSON
import QuireText
import TestSupport

/// Tokenizers, chat messages and answers.
enum TextInputs {
  static let tokenizerWords = [
    "\"vocab\"", "\"merges\"", "\"added_tokens\"", "\"id\"", "\"content\"", "\"special\"", "\"model\"",
    "\"BPE\"",
    "\"normalizer\"", "\"NFC\"", "\"pre_tokenizer\"", "\"lstrip\"", "\"normalized\"", "Ġ", "<|im_end|>",
  ]
  static let answerWords = [
    "<think>", "</think>", "<tool_call>", "</tool_call>", "{\"name\": \"f\", \"arguments\": {}}",
    "\"arguments\"",
    "\"parameters\"", "\n", "\\\"", "{", "}", "é", "\u{FFFD}",
  ]

  static func tokenizer(_ input: [UInt8]) {
    guard let json = try? JSONValue.parse(input) else { return }
    do throws(TextError) {
      let tokenizer = try Tokenizer(tokenizer: json)
      let text = "Hello, <|im_end|> wörld\n"
      precondition(tokenizer.decode(tokenizer.encode(text)).count < 1 << 20, "a short text stays short")
      _ = tokenizer.sourceJSON
    } catch {
      _ = error.description
    }
  }

  static func messages(_ input: [UInt8]) {
    guard let json = try? JSONValue.parse(input) else { return }
    do throws(TextError) {
      let messages = try ChatMessage.list(json: json)
      _ = try ChatFormat.qwen3.render(messages: messages).tokens(bytes)
      _ = try ChatFormat.qwen3.render(messages: messages, tools: [json], mode: .nonThinking).tokens(bytes)
    } catch {
      _ = error.description
    }
  }

  private static let bytes = Tokenizer.bytes()

  /// However an answer is cut, its parts are the same.
  static func answer(_ input: [UInt8]) {
    guard let text = String(validating: input, as: UTF8.self) else { return }
    for startsInThinking in [false, true] {
      let whole = parts([text], startsInThinking)
      precondition(parts(text.map { String($0) }, startsInThinking) == whole, "parts do not depend on cuts")
    }
  }

  private static func parts(_ pieces: [String], _ startsInThinking: Bool) -> AnswerParts {
    var splitter = ChatFormat.qwen3.splitter(startsInThinking: startsInThinking, splitsToolCalls: true)
    var parts: [AnswerPart] = []
    for piece in pieces { splitter.append(piece, into: &parts) }
    splitter.finish(into: &parts)
    return AnswerParts(joining: parts)
  }
}
