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
  // At most one of these; none when calls stay in the content. They are no cases of one value, because their buffers
  // would be copied whenever the value changes.
  private var calls: ToolCallSplitter?
  private var taggedCalls: TaggedCallSplitter?
  private var jsonCalls: JSONCallSplitter?

  init(
    _ form: AnswerForm, startsInThinking: Bool, mayThink: Bool, splitsToolCalls: Bool,
    types: ToolParameterTypes
  ) {
    thinking = ThinkingSplitter(form.reasoning, startsInThinking: startsInThinking, mayOpen: mayThink)
    guard splitsToolCalls else { return }
    switch form.tools {
    case .hermes: calls = ToolCallSplitter()
    case .qwen3Coder: taggedCalls = TaggedCallSplitter(.coder(types))
    case .deepseek: taggedCalls = TaggedCallSplitter(.deepseek)
    case .mistral: jsonCalls = JSONCallSplitter(mark: MistralCall.mark)
    case .json: jsonCalls = JSONCallSplitter(mark: nil)
    case .none: break
    }
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
    taggedCalls?.finish(into: &parts)
    jsonCalls?.finish(into: &parts)
  }

  /// Reasoning always precedes content.
  private mutating func take(_ split: ThinkingSplitter.Parts, into parts: inout [AnswerPart]) {
    if !split.reasoning.isEmpty { parts.append(.reasoning(split.reasoning)) }
    if split.content.isEmpty { return }
    let isTaken =
      calls?.append(split.content, into: &parts) != nil
      || taggedCalls?.append(split.content, into: &parts) != nil
      || jsonCalls?.append(split.content, into: &parts) != nil
    if !isTaken { parts.append(.content(split.content)) }
  }
}
