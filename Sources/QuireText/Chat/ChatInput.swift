package import QuireJSON

/// What a chat consists of when it is rendered.
package struct ChatInput: Sendable {
  package var messages: [ChatMessage]
  /// JSON schemas of functions, as in OpenAI's `tools`; empty for a chat without tools.
  package var tools: [JSONValue]
  /// Has an effect only when the prompt ends with the start of an answer. A template gets it as `enable_thinking`.
  package var mode: ThinkingMode
  /// Further variables of a template; Qwen3's templates read only `enable_thinking`.
  package var arguments: JSONObject
  /// The name of the template to use, of ``ChatFormat/templateNames``. Nil for `tool_use`, if there is one and the chat
  /// has tools, or else the default one.
  package var template: String?
  /// Texts for templates of retrieval-augmented generation, as `transformers` passes them: objects with `title` and
  /// `text`.
  package var documents: [JSONValue]

  package init(
    messages: [ChatMessage], tools: [JSONValue] = [], mode: ThinkingMode = .thinking,
    arguments: JSONObject = [:], template: String? = nil, documents: [JSONValue] = []
  ) {
    self.messages = messages
    self.tools = tools
    self.mode = mode
    self.arguments = arguments
    self.template = template
    self.documents = documents
  }
}
