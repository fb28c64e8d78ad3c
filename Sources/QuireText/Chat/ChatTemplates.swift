package import QuireJSON

/// The chat templates of a checkpoint or a pack, as stored in its files.
package struct ChatTemplates: Sendable, Equatable {
  package struct Template: Sendable, Equatable {
    /// "default" for a single template or the default one.
    package let name: String
    package let text: String

    package init(name: String = Self.defaultName, text: String) {
      self.name = name
      self.text = text
    }

    package static let defaultName = "default"
  }

  /// In the order of the file; empty when the model has no template.
  package let templates: [Template]
  /// The file or folder that contains them, for messages.
  package let source: String
  /// The kind of value found where templates are expected, when it is not a template: "a number".
  let wrongKind: String?

  /// - Parameters:
  ///   - configuration: tokenizer_config.json: `chat_template` is a text, or a list of named texts.
  ///   - files: Templates with their own files. If there are any, the configuration's are ignored, as in
  ///     `transformers`.
  package init(configuration: JSONValue?, files: [Template] = []) {
    if !files.isEmpty {
      templates = files
      let sources = [
        files.contains { $0.name == Template.defaultName } ? Self.fileName : nil,
        files.contains { $0.name != Template.defaultName } ? Self.folderName : nil,
      ]
      source = sources.compactMap(\.self).joined(separator: " and ")
      wrongKind = nil
      return
    }
    let value = configuration?[Self.configurationMember] ?? .null
    let named = Self.templates(value)
    templates = named ?? []
    source = "tokenizer_config.json"
    wrongKind = named == nil ? value.kindDescription : nil
  }

  /// The file in a checkpoint's folder that holds the template.
  static let fileName = "chat_template.jinja"
  /// The folder in it that contains further templates, each in a file `NAME.jinja`.
  static let folderName = "additional_chat_templates"
  /// The member of tokenizer_config.json.
  static let configurationMember = "chat_template"

  /// Reads `chat_template` of tokenizer_config.json; nil when it is not a list of templates.
  package var json: JSONValue? {
    if templates.isEmpty { return nil }
    if templates.count == 1, templates[0].name == Template.defaultName { return .string(templates[0].text) }
    return .array(templates.map { ["name": .string($0.name), "template": .string($0.text)] })
  }

  private static func templates(_ value: JSONValue) -> [Template]? {
    if value.isNull { return [] }
    if let text = value.stringValue { return [Template(text: text)] }
    guard let entries = value.arrayValue else { return nil }
    var templates: [Template] = []
    for entry in entries {
      guard let name = entry["name"]?.stringValue, let text = entry["template"]?.stringValue else {
        return nil
      }
      templates.append(Template(name: name, text: text))
    }
    return templates
  }
}

extension ChatTemplates.Template {
  /// Whether it is one of Qwen3's published templates, which are rendered natively.
  var isQwen3: Bool { Qwen3Chat.templateFingerprints.contains(fingerprint) }

  /// FNV-1a hash of the text without trailing line ends.
  var fingerprint: UInt64 {
    text.utf8.dropSuffix(of: UInt8(ascii: "\n")).reduce(0xCBF2_9CE4_8422_2325) { hash, byte in
      (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
  }
}
