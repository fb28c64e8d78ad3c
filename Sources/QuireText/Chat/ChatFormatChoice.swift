import QuireJSON

/// The chat format of an opened model with the reason for it, or the reason why there is none and chats are refused.
package struct ChatFormatChoice: Sendable, Equatable {
  /// Nil when the model's own template cannot be rendered. Raw prompts still work.
  package let format: ChatFormat?
  /// The format and the reason for it: "qwen3 (the template in chat_template.jinja)".
  package let summary: String
  /// A description of what was found instead of a template that can be rendered.
  private let found: String

  /// The format; throws the reason when there is none.
  package func required() throws(TextError) -> ChatFormat {
    guard let format else { throw .chatFormat(found: found) }
    return format
  }

  /// Decides by, in this order: 1. the user's options; 2. the pack's manifest; 3. the model's own templates. Qwen3's
  /// published ones are rendered natively and others are interpreted. All of them must be understood, because tools
  /// may select another one than the default.
  ///
  /// How answers are spelled is decided in the same order.
  ///
  /// - Parameters:
  ///   - recorded: The member `chatFormat` of a pack's manifest.
  ///   - specialTokens: The variables of the tokenizer that templates read.
  init(
    templates: ChatTemplates, asked: ChatFormatOverride?, recorded: JSONValue?,
    specialTokens: [String: String]
  ) {
    let asked = asked ?? ChatFormatOverride()
    let name = recorded?.stringValue ?? recorded?["name"]?.stringValue
    var found: Found
    if let askedName = asked.name {  // 1
      found =
        askedName == ChatFormat.templateName
        ? Self.interpreted(templates, specialTokens) : .format(.qwen3, reason: "as asked for")
    } else if let recorded, !recorded.isNull {  // 2
      found = Self.recorded(recorded, name, templates, specialTokens)
    } else {  // 3
      found = Self.chosen(templates, specialTokens)
    }
    // How answers are spelled, as the pack has it, unless the user asks for another format than the pack's.
    if case .format(let format, let reason) = found, format.name == name, asked.name == nil,
      recorded?.objectValue != nil
    {
      found =
        recorded.flatMap(AnswerForm.init(members:)).map {
          .format(ChatFormat(renderer: format.renderer, answer: $0), reason: reason)
        } ?? .nothing("a pack whose chat format this version does not know")
    }
    self.init(found, asked)
  }

  private enum Found {
    case format(ChatFormat, reason: String)
    case nothing(String)
  }

  private init(_ found: Found, _ asked: ChatFormatOverride) {
    switch found {
    case .nothing(let what):
      format = nil
      summary = "none; the model's template cannot be rendered: \(what)"
      self.found = what
    case .format(let found, let reason):
      let format = ChatFormat(renderer: found.renderer, answer: asked.applied(to: found.answer))
      self.format = format
      let spelling = format == .qwen3 ? [] : [format.thoughts, format.calls]
      summary = "\(format.name) (\(([reason] + spelling).joined(separator: "; ")))"
      self.found = ""
    }
  }

  private static func recorded(
    _ recorded: JSONValue, _ name: String?, _ templates: ChatTemplates, _ specialTokens: [String: String]
  ) -> Found {
    switch name {
    case ChatFormat.qwen3.name: .format(.qwen3, reason: "as the pack says")
    case ChatFormat.templateName: interpreted(templates, specialTokens)
    default: .nothing("a pack whose chat format this version does not know")
    }
  }

  private static func chosen(_ templates: ChatTemplates, _ specialTokens: [String: String]) -> Found {
    if let kind = templates.wrongKind {
      return .nothing("\(kind) as chat_template in \(templates.source)")
    }
    if templates.templates.isEmpty {
      // The architecture is Qwen3's, so its format applies even without a template in the checkpoint.
      return .format(.qwen3, reason: "the model has no chat template; this is its architecture's")
    }
    if templates.templates.allSatisfy(\.isQwen3) {
      return .format(.qwen3, reason: "the template in \(templates.source)")
    }
    return interpreted(templates, specialTokens)
  }

  private static func interpreted(_ templates: ChatTemplates, _ specialTokens: [String: String]) -> Found {
    if let kind = templates.wrongKind { return .nothing("\(kind) as chat_template in \(templates.source)") }
    if templates.templates.isEmpty { return .nothing("no template in \(templates.source)") }
    do {
      let format = try TemplateFormat(templates, specialTokens: specialTokens)
      if let name = format.templateWithoutMessages {
        let which = templates.templates.count == 1 ? "one" : "one, '\(printable(name))',"
        return .nothing("\(which) that does not read 'messages' in \(templates.source)")
      }
      let names = templates.templates.prefix(8).map { printable($0.name) }.joined(separator: ", ")
      let which =
        templates.templates.count == 1
        ? "the template in \(templates.source)"
        : "\(templates.templates.count) named templates in \(templates.source): \(names)"
      return .format(
        ChatFormat(renderer: .template(format), answer: format.probe.answer), reason: which)
    } catch {
      return .nothing("one with a fault in \(templates.source) (\(error))")
    }
  }
}

extension ChatFormat {
  /// What the format does with thoughts, for people.
  fileprivate var thoughts: String {
    guard let tags = answer.reasoning else { return "no thoughts" }
    let spelling = tags == .think ? "" : " in \(tags.start) \(tags.end)"
    guard case .template(let format) = renderer else { return "enable_thinking switches thoughts\(spelling)" }
    if format.probe.canSwitchThoughts { return "enable_thinking switches thoughts\(spelling)" }
    return format.probe.opensThought(tags)
      ? "each prompt opens a thought\(spelling)" : "the model opens thoughts itself\(spelling)"
  }

  /// What the format does with tools, for people.
  fileprivate var calls: String {
    if !showsTools() { return "no tools" }
    return answer.tools == .none
      ? "tools, but calls of no known form; --tool-format sets one" : "tool calls as \(answer.tools.name)"
  }
}

/// The first characters of a name from a file, without terminal control characters.
private func printable(_ name: String) -> String {
  String(String.UnicodeScalarView(name.unicodeScalars.prefix(40).filter { (0x20...0x7E).contains($0.value) }))
}
