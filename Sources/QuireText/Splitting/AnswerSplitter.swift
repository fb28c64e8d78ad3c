/// Splits a streamed answer into reasoning, content and tool calls.
///
/// ```swift
/// var splitter = format.splitter(startsInThinking: false, splitsToolCalls: true)
/// var parts: [AnswerPart] = []
/// for text in stream { splitter.append(text, into: &parts) }
/// splitter.finish(into: &parts)
/// ```
///
/// The parts of each kind, joined, do not depend on how the text was cut.
package struct AnswerSplitter: Sendable {
  private var thinking: ThinkingSplitter
  /// `nil` when calls stay in the content.
  private var calls: ToolCallSplitter?

  init(startsInThinking: Bool, splitsToolCalls: Bool) {
    thinking = ThinkingSplitter(startsInThinking: startsInThinking)
    calls = splitsToolCalls ? ToolCallSplitter() : nil
  }

  /// Whether the next text is reasoning, as far as is known.
  package var isThinking: Bool { thinking.isThinking }

  /// Whether the reasoning has begun and has no text yet, apart from line feeds.
  package var isThoughtEmpty: Bool { thinking.isThoughtEmpty }

  /// Appends the parts that the next piece of text completes. The caller owns the array and can reuse it without an
  /// allocation.
  package mutating func append(_ text: String, into parts: inout [AnswerPart]) {
    take(thinking.append(text), into: &parts)
  }

  /// Appends the rest. An unfinished tag becomes text.
  package mutating func finish(into parts: inout [AnswerPart]) {
    take(thinking.finish(), into: &parts)
    calls?.finish(into: &parts)
  }

  /// Reasoning always precedes content.
  private mutating func take(_ split: ThinkingSplitter.Parts, into parts: inout [AnswerPart]) {
    if !split.reasoning.isEmpty { parts.append(.reasoning(split.reasoning)) }
    if split.content.isEmpty { return }
    if calls?.append(split.content, into: &parts) == nil { parts.append(.content(split.content)) }
  }
}
