package import QuireGeneration
import QuireJSON
package import QuireText

/// Reads a request's body as its endpoint does, without running it: for tests with many bodies and no model.
package enum RequestCheck {
  /// The body of a chat completion.
  package static func chat(
    _ body: [UInt8], defaults: SamplingDefaults, vocabularySize: Int
  ) throws(ServingError) {
    _ = try ChatRequest(
      fields(body, ChatRequest.shape), defaults: defaults, thinking: ThinkingDefaults(),
      vocabularySize: vocabularySize)
  }

  /// The body of a text completion.
  package static func completion(
    _ body: [UInt8], defaults: SamplingDefaults, vocabularySize: Int
  ) throws(ServingError) {
    _ = try CompletionRequest(
      fields(body, CompletionRequest.shape), defaults: defaults, vocabularySize: vocabularySize,
      maximumChoices: 64)
  }

  /// Fields of `/completion` that `/v1/completions` does not have.
  package static var nativeNames: [String] {
    NativeCompletionRequest.own + NativeCompletionRequest.withoutEffect
  }

  /// The body of a completion in llama-server's form.
  package static func native(
    _ body: [UInt8], defaults: SamplingDefaults, tokenizer: Tokenizer
  ) throws(ServingError) {
    _ = try NativeCompletionRequest(
      fields(body, NativeCompletionRequest.shape), defaults: defaults, tokenizer: tokenizer,
      maximumChoices: 64)
  }

  /// The body of Anthropic's Messages API.
  package static func messages(
    _ body: [UInt8], defaults: SamplingDefaults, vocabularySize: Int
  ) throws(ServingError) {
    _ = try MessagesRequest.chat(
      fields(body, MessagesRequest.shape), defaults: defaults, thinking: ThinkingDefaults(),
      vocabularySize: vocabularySize)
  }

  /// The body of OpenAI's Responses API.
  package static func responses(
    _ body: [UInt8], defaults: SamplingDefaults, vocabularySize: Int
  ) throws(ServingError) {
    _ = try ResponsesRequest(
      fields(body, ResponsesRequest.shape), defaults: defaults, thinking: ThinkingDefaults(),
      vocabularySize: vocabularySize)
  }

  private static func fields(_ body: [UInt8], _ shape: RequestShape) throws(ServingError) -> FieldReader {
    guard let object = (try? JSONValue.parse(body))?.objectValue else {
      throw .rejected(.badField(nil, "request body: expected a JSON object, found something else"))
    }
    _ = IgnoredFields(of: object, shape: shape).header
    return FieldReader(object)
  }
}
