import Foundation
import QuireFiles
import QuireJSON

/// Options from a configuration file: a JSON5 object whose members have the names of the options without dashes.
///
///     { model: "qwen3-8b-int4.quire",  // MODEL; relative paths start at the folder of this file
///       port: 8081, "kv-memory": 4096, quiet: false,
///       "allow-origin": ["https://chat.example.org"] }
///
/// `null` counts as absent. Every other member must be an option of the command.
struct FileSettings {
  private(set) var settings: [Setting] = []
  private let path: String
  private let command: Command
  private let bytes: [UInt8]

  private static let byteLimit = 1 << 20

  /// - Parameter origin: the variable that names the file; nil when `--config` does.
  init(path: String, command: Command, origin: Setting.Source?) throws {
    self.path = path
    self.command = command
    var option = Command.Option.config.name
    if case .variable(let name) = origin { option = name }
    bytes = try Self.contents(path, option, command.name)
    let value: JSONValue
    do {
      value = try JSONValue.parse(bytes, syntax: .json5, limits: JSONLimits(depth: 16))
    } catch {
      throw UsageError(command.name, "\(path), \(error.description)")
    }
    guard let object = value.objectValue else {
      throw UsageError(
        command.name,
        "\(path): expected an object of options such as {port: 8081}, found \(value.kindDescription); write it in braces"
      )
    }
    for member in object.members where !member.value.isNull { settings.append(try setting(member)) }
  }

  private static func contents(_ path: String, _ option: String, _ command: String) throws -> [UInt8] {
    func problem(_ found: String) -> UsageError {
      UsageError(command, "\(option): expected a JSON5 file at \(path), found \(found); check the path")
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw problem(TextProblem.missing.description)
    }
    guard !isFolder.boolValue else { throw problem(TextProblem.folder.description) }
    // Limited, because the path may be a device without an end.
    guard let file = FileHandle(forReadingAtPath: path),
      let data = try? file.read(upToCount: byteLimit + 1) ?? Data()
    else { throw problem(TextProblem.unreadable.description) }
    guard data.count <= byteLimit else { throw problem("more than \(byteLimit) bytes") }
    do throws(TextProblem) { return try TextFile.bytes([UInt8](data)) } catch {
      throw problem(error.description)
    }
  }

  private func setting(_ member: JSONObject.Member) throws -> Setting {
    let position = JSONValue.position(of: [.key(member.key)], in: bytes, syntax: .json5).description
    guard member.key != "config", let option = command.configurableOption(member.key) else {
      let known = command.configurableNames.filter { $0 != "config" }
      let bare = String(member.key.trimmingPrefix(while: { $0 == "-" }))
      let guess = known.contains(bare) ? ", did you mean \(bare)" : Suggestion.clause(for: bare, among: known)
      throw UsageError(
        command.name,
        "\(path), \(position): unknown option '\(member.key)'\(guess); see quire \(command.name) --help")
    }
    guard let values = values(of: option, member.value) else {
      throw UsageError(
        command.name,
        "\(path), \(position): \(member.key): expected \(Self.expectation(option)), found \(member.value.kindDescription)"
      )
    }
    return Setting(option: option.name, values: values, source: .file(path: path, position: position))
  }

  /// The option's values as a command line has them; nil when the type is wrong.
  private func values(of option: Command.Option, _ value: JSONValue) -> [String]? {
    guard option.value != nil else { return value.boolValue.map { $0 ? [""] : [] } }
    if option.isRepeatable, let elements = value.arrayValue {
      let texts = elements.compactMap(\.stringValue)
      return texts.count == elements.count ? texts.map { located($0, option) } : nil
    }
    if let number = value.numberValue { return [number.int.map { String($0) } ?? number.literal] }
    return value.stringValue.map { [located($0, option)] }
  }

  /// A value, or the path from the current folder where it is a path: in the file paths start at the file's folder.
  private func located(_ name: String, _ option: Command.Option) -> String {
    // An empty path stays empty, because it is refused, as on the command line.
    guard ["FILE", "DIR", "MODEL"].contains(option.value), !name.isEmpty,
      name != InputFile.standardInputPath
    else { return name }
    let folder = (path as NSString).deletingLastPathComponent
    return name.hasPrefix("/") || folder.isEmpty ? name : folder + "/" + name
  }

  private static func expectation(_ option: Command.Option) -> String {
    guard let kind = option.value else { return "true or false" }
    if option.isRepeatable { return "a string or an array of strings" }
    return ["N", "MIB", "X"].contains(kind) ? "a number" : "a string"
  }
}
