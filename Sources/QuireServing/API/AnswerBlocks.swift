import QuireJSON
import QuireText

/// An answer as a list of blocks, in the order in which the model began them: reasoning, text, calls. Only the last
/// block can be open. Anthropic's messages and OpenAI's responses have this form.
struct AnswerBlocks: Sendable {
  enum Kind: Sendable, Equatable {
    case reasoning
    case text
    /// A call of the function with this name; the block's text is its arguments.
    case call(name: String)
  }

  struct Block: Sendable {
    /// Random; the ids of a block are made of it.
    let id = ReplyIdentity.randomID(prefix: "")
    let kind: Kind
    var text = ""

    /// The arguments of a call; nil while they are not a whole JSON object. Models repeat keys, for example; a call with
    /// such arguments is one in every API.
    var arguments: JSONValue? {
      let limits = JSONLimits(acceptsAmbiguous: true)
      guard case .call = kind, let value = try? JSONValue.parse(text, limits: limits),
        value.objectValue != nil
      else { return nil }
      return value
    }
  }

  /// What happened to the block with an index.
  enum Change: Sendable {
    case began(Int)
    case added(Int, String)
    case ended(Int)
  }

  private(set) var blocks: [Block] = []
  private var isOpen = false

  var hasWholeCall: Bool { blocks.contains { $0.arguments != nil } }

  /// Adds what a token adds to the answer.
  mutating func add(_ parts: AnswerParts) -> [Change] {
    var changes: [Change] = []
    if !parts.reasoning.isEmpty { extend(.reasoning, parts.reasoning, &changes) }
    let newCalls = parts.calls.drop { $0.name == nil }
    for part in parts.calls.prefix(parts.calls.count - newCalls.count) where !blocks.isEmpty {
      append(part.arguments, &changes)
    }
    if !parts.content.isEmpty { extend(.text, parts.content, &changes) }
    for part in newCalls {
      if let name = part.name { begin(.call(name: name), &changes) }
      if !part.arguments.isEmpty { append(part.arguments, &changes) }
    }
    return changes
  }

  /// Ends the last block.
  mutating func end() -> [Change] {
    guard isOpen else { return [] }
    isOpen = false
    return [.ended(blocks.count - 1)]
  }

  private mutating func extend(_ kind: Kind, _ text: String, _ changes: inout [Change]) {
    if !isOpen || blocks.last?.kind != kind { begin(kind, &changes) }
    append(text, &changes)
  }

  private mutating func begin(_ kind: Kind, _ changes: inout [Change]) {
    changes += end()
    blocks.append(Block(kind: kind))
    isOpen = true
    changes.append(.began(blocks.count - 1))
  }

  private mutating func append(_ text: String, _ changes: inout [Change]) {
    let index = blocks.count - 1
    blocks[index].text += text
    changes.append(.added(index, text))
  }
}
