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

  /// Decides by, in this order: 1. the user's option; 2. the pack's manifest; 3. the model's own templates. Qwen3's
  /// published ones are rendered natively and others are interpreted. All of them must be understood, because tools
  /// may select another one than the default.
  ///
  /// - Parameters:
  ///   - recorded: The member `chatFormat` of a pack's manifest.
  ///   - specialTokens: The variables of the tokenizer that templates read.
  init(
    templates: ChatTemplates, asked: ChatFormat?, recorded: JSONValue?, specialTokens: [String: String]
  ) {
    if let asked {  // 1
      self.init(asked, "as asked for")
    } else if let recorded, !recorded.isNull {  // 2
      if let format = recorded.stringValue.flatMap(ChatFormat.init(name:)) {
        self.init(format, "as the pack says")
      } else if recorded.stringValue == ChatFormat.templateName {
        self.init(interpreting: templates, specialTokens)
      } else {
        self.init(refusing: "a pack with a chat format that this version does not know")
      }
    } else {  // 3
      self.init(templates, specialTokens)
    }
  }

  private init(_ templates: ChatTemplates, _ specialTokens: [String: String]) {
    if let kind = templates.wrongKind {
      self.init(refusing: "\(kind) as chat_template in \(templates.source)")
    } else if templates.templates.isEmpty {
      // The architecture is Qwen3's, so its format applies even without a template in the checkpoint.
      self.init(.qwen3, "the model has no chat template; this is its architecture's")
    } else if let format = templates.templates[0].format,
      templates.templates.allSatisfy({ $0.format == format })
    {
      self.init(format, "the template in \(templates.source)")
    } else {
      self.init(interpreting: templates, specialTokens)
    }
  }

  private init(interpreting templates: ChatTemplates, _ specialTokens: [String: String]) {
    do {
      let format = try TemplateFormat(templates, specialTokens: specialTokens)
      guard !templates.templates.isEmpty, format.readsMessages else {
        self.init(refusing: "one that does not read 'messages' in \(templates.source)")
        return
      }
      let names = templates.templates.prefix(8).map { printable($0.name) }.joined(separator: ", ")
      let which =
        templates.templates.count == 1
        ? "the template in \(templates.source)"
        : "\(templates.templates.count) named templates in \(templates.source): \(names)"
      self.init(.template(format), "\(which); \(format.thoughts)")
    } catch {
      self.init(refusing: "one in \(templates.source) with a fault (\(error))")
    }
  }

  private init(_ format: ChatFormat, _ reason: String) {
    self.format = format
    summary = "\(format.name) (\(reason))"
    found = ""
  }

  private init(refusing found: String) {
    format = nil
    summary = "none; the model's template cannot be rendered: \(found)"
    self.found = found
  }
}

/// The first characters of a name from a file, without terminal control characters.
private func printable(_ name: String) -> String {
  String(String.UnicodeScalarView(name.unicodeScalars.prefix(40).filter { (0x20...0x7E).contains($0.value) }))
}
