import QuireJSON

/// A tokenizer for the prompts of one template. It knows which added tokens are control tokens there, and recognizes
/// those only where all of their text comes from the template.
///
/// An added token is a control token when
///
/// 1. it is special, or a tag of a chat format;
/// 2. its text is in brackets, as in `<tool_call>`, `[INST]` or `<｜User｜>`;
/// 3. the template writes it.
///
/// The others are words that were added to the vocabulary. They are recognized everywhere, as in `transformers`.
///
/// ```swift
/// let templateTokenizer = TemplateTokenizer(tokenizer, program)
/// let ids = templateTokenizer.ids(of: try program.render(chat))
/// ```
package struct TemplateTokenizer: Sendable {
  private let tokenizer: Tokenizer
  private let search: AddedTokenSearch

  /// Made once for a model, because it looks for each added token in the template.
  package init(_ tokenizer: Tokenizer, _ program: ChatTemplateProgram) {
    self.tokenizer = tokenizer
    search = AddedTokenSearch(
      Self.marked(tokenizer.addedTokens, literals: program.literals()), normalizes: tokenizer.normalizesText)
  }

  /// The added tokens, with those marked that are control tokens by the rules 2 and 3.
  static func marked(_ tokens: [AddedToken], literals: [TemplateText]) -> [AddedToken] {
    tokens.map { token in
      var token = token
      token.isTemplateControl =
        isInBrackets(token.content) || literals.contains { $0.contains(token.content) }
      return token
    }
  }

  private static let brackets: [Character: Character] = ["<": ">", "[": "]", "{": "}", "(": ")", "|": "|"]

  private static func isInBrackets(_ content: [UInt8]) -> Bool {
    let text = String(decoding: content, as: UTF8.self)
    guard let first = text.first, let last = text.last, text.count > 1 else { return false }
    return brackets[first] == last
  }

  /// The prompt's ids. Where no message spells a control token, they are those that `transformers` gives.
  package func ids(of prompt: ChatPrompt) -> [Int32] {
    prompt.tokens(tokenizer, recognizing: search)
  }
}
