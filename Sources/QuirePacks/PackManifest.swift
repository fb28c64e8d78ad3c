package import QuireJSON

/// What a pack says about itself beside its tensors: the one reader and writer of the manifest's other members.
///
///     let manifest = PackManifest(configuration: configuration, tokenizer: tokenizer, …)
///     try writer.finish(manifest: manifest)
///     let template = try PackReader(path: path).manifest.chatTemplate
///
/// Members that this version does not know are kept, in their order. `Format.md` describes all of them.
package struct PackManifest: Sendable, Equatable {
  private enum Key: String {
    case configuration, tokenizer, tokenizerConfiguration, generationConfiguration, chatFormat, recipe,
      provenance, rows
  }

  /// The members in the order of the file, without `tensors`.
  package private(set) var members: JSONObject

  /// A manifest as it was read, or with nothing in it.
  ///
  /// - Parameter members: without `tensors`, which the pack's writer lists.
  package init(members: JSONObject = JSONObject()) {
    self.members = members
    self.members[PackTensor.listKey] = nil
  }

  /// The manifest of a converted model, its members in the order in which packs have them.
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

  /// The model's shape, as config.json has it. Members that are null count as absent, here and below.
  package var configuration: JSONValue? { value(.configuration) }

  /// tokenizer.json.
  package var tokenizer: JSONValue? { value(.tokenizer) }

  /// tokenizer_config.json, with the chat template in it.
  package var tokenizerConfiguration: JSONValue? { value(.tokenizerConfiguration) }

  /// The text of the chat template, where there is a single one.
  package var chatTemplate: String? { tokenizerConfiguration?["chat_template"]?.stringValue }

  /// generation_config.json.
  package var generationConfiguration: JSONValue? { value(.generationConfiguration) }

  /// The name of the chat format that the model was opened with when the pack was made.
  package var chatFormat: String? {
    get { value(.chatFormat)?.stringValue }
    set { setValue(.chatFormat, newValue.map { .string($0) }) }
  }

  /// What made the pack.
  package var recipe: PackRecipe? { value(.recipe).flatMap(PackRecipe.init(json:)) }

  /// Where the pack comes from, as it is shown: source files and their hashes, calibration, program.
  package var provenance: JSONValue? { value(.provenance) }

  /// The version of the program that wrote the pack.
  package var toolVersion: String? { provenance?["version"]?.stringValue }

  /// The text that the steps were calibrated on; nil where none was needed.
  package var calibration: JSONValue? { provenance?["calibration"].flatMap { $0.isNull ? nil : $0 } }

  /// What each step cost: first the checkpoint before any step, then a row for each.
  package var rows: [JSONValue] {
    get { value(.rows)?.arrayValue ?? [] }
    set { setValue(.rows, .array(newValue)) }
  }

  /// The names of the rows' steps, the checkpoint's first.
  package var stepNames: [String] { rows.compactMap { $0["step"]?.stringValue } }

  /// The whole manifest as it is in the file.
  package func json(tensors: [PackTensor]) -> JSONValue {
    var object = members
    object[PackTensor.listKey] = .array(tensors.map(\.json))
    return .object(object)
  }
}
