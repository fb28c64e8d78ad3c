package import QuireJSON

/// The members of a pack's manifest other than its tensors; only this type reads and writes them.
///
///     let manifest = PackManifest(configuration: configuration, tokenizer: tokenizer, …)
///     try writer.finish(manifest: manifest)
///     let template = try PackReader(path: path).manifest.chatTemplate
///
/// Unknown members are kept, in their order. `Format.md` describes all members.
package struct PackManifest: Sendable, Equatable {
  private enum Key: String {
    case configuration, tokenizer, tokenizerConfiguration, generationConfiguration, chatFormat, recipe,
      provenance, rows, parent
  }

  /// The members in the order of the file, without `tensors`.
  package private(set) var members: JSONObject

  /// A manifest that was read, or an empty one.
  ///
  /// - Parameter members: without `tensors`, which the pack's writer lists.
  package init(members: JSONObject = JSONObject()) {
    self.members = members
    self.members[PackTensor.listKey] = nil
    self.members[LevelTables.key] = nil
  }

  /// The manifest of a converted model, with its members in the order of the format.
  package init(
    configuration: JSONValue, tokenizer: JSONValue, tokenizerConfiguration: JSONValue?,
    generationConfiguration: JSONValue?, recipe: PackRecipe, provenance: PackProvenance, rows: [JSONValue]
  ) {
    self.init()
    setValue(.configuration, configuration)
    setValue(.tokenizer, tokenizer)
    setValue(.tokenizerConfiguration, tokenizerConfiguration ?? .null)
    setValue(.generationConfiguration, generationConfiguration ?? .null)
    setValue(.recipe, recipe.json)
    setValue(.provenance, provenance.json)
    setValue(.rows, .array(rows))
  }

  private func value(_ key: Key) -> JSONValue? { members[key.rawValue].flatMap { $0.isNull ? nil : $0 } }
  private mutating func setValue(_ key: Key, _ value: JSONValue?) { members[key.rawValue] = value }

  /// The model's configuration, as in config.json. Members that are null count as absent, here and below.
  package var configuration: JSONValue? { value(.configuration) }

  /// tokenizer.json.
  package var tokenizer: JSONValue? { value(.tokenizer) }

  /// tokenizer_config.json, including the chat template.
  package var tokenizerConfiguration: JSONValue? { value(.tokenizerConfiguration) }

  /// The text of the chat template, where there is a single one.
  package var chatTemplate: String? { tokenizerConfiguration?["chat_template"]?.stringValue }

  /// generation_config.json.
  package var generationConfiguration: JSONValue? { value(.generationConfiguration) }

  /// The chat format that the model was opened with when the pack was made: its name, or an object with the name and
  /// how answers are spelled.
  package var chatFormat: JSONValue? {
    get { value(.chatFormat) }
    set { setValue(.chatFormat, newValue) }
  }

  /// The origin of the pack.
  package var recipe: PackRecipe? { value(.recipe).flatMap(PackRecipe.init(json:)) }

  /// The origin of the pack, for display: source files and their hashes, calibration, program.
  package var provenance: JSONValue? { value(.provenance) }

  /// The version of the program that wrote the pack.
  package var toolVersion: String? { provenance?["version"]?.stringValue }

  /// The text that the steps were calibrated on; nil where none was needed.
  package var calibration: JSONValue? { provenance?["calibration"].flatMap { $0.isNull ? nil : $0 } }

  /// The result of each step: first the checkpoint before any step, then a row for each.
  package var rows: [JSONValue] {
    get { value(.rows)?.arrayValue ?? [] }
    set { setValue(.rows, .array(newValue)) }
  }

  /// The names of the rows' steps, the checkpoint's first.
  package var stepNames: [String] { rows.compactMap { $0["step"]?.stringValue } }

  /// The pack that a delta pack takes tensors from; nil for other packs.
  package internal(set) var parent: PackParent? {
    get { value(.parent).flatMap(PackParent.init(json:)) }
    set { setValue(.parent, newValue?.json) }
  }

  /// Whether there is a member of that name, valid or not.
  var namesParent: Bool { value(.parent) != nil }

  /// The complete manifest as in the file.
  package func json(tensors: [PackTensor]) -> JSONValue {
    var object = members
    let hasParent = namesParent
    object[LevelTables.key] = LevelTables.json(of: tensors)
    object[PackTensor.listKey] = .array(tensors.map { $0.json(hasParent: hasParent) })
    return .object(object)
  }
}
