import QuireJSON
import QuireText

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
      _ = try ChatTemplate.render(messages: messages).tokens(bytes)
      _ = try ChatTemplate.render(messages: messages, tools: [json], mode: .nonThinking).tokens(bytes)
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

  private static func parts(_ pieces: [String], _ startsInThinking: Bool) -> [String] {
    var thinking = ThinkingSplitter(startsInThinking: startsInThinking)
    var calls = ToolCallSplitter()
    var parts = ["", "", ""]
    func take(_ found: ThinkingSplitter.Parts) {
      parts[0] += found.reasoning
      take(calls.append(found.content))
    }
    func take(_ found: ToolCallSplitter.Parts) {
      parts[1] += found.content
      parts[2] += found.calls.map { "\($0)" }.joined()
    }
    for piece in pieces { take(thinking.append(piece)) }
    take(thinking.finish())
    take(calls.finish())
    return parts
  }
}
