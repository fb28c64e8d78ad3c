/// A tool call in an answer, or what a piece of the answer adds to the call before it.
package struct ToolCallPart: Sendable, Equatable {
  /// The function's name; nil in a part that continues a call.
  package var name: String?
  /// Text of the arguments, a JSON object. The text of a whole call is not always a whole object: see
  /// ``ToolCallSplitter``.
  package var arguments: String

  package init(name: String?, arguments: String) {
    self.name = name
    self.arguments = arguments
  }
}
