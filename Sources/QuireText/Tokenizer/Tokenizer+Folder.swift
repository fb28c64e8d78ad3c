import Foundation
import QuireJSON

extension Tokenizer {
  /// From a checkpoint folder: tokenizer.json, and tokenizer_config.json and chat_template.jinja where they exist.
  package convenience init(folder: String) throws(TextError) {
    let tokenizer = try Self.json(folder + "/tokenizer.json")
    let manager = FileManager.default
    let configurationPath = folder + "/tokenizer_config.json"
    let configuration =
      manager.fileExists(atPath: configurationPath) ? try Self.json(configurationPath) : nil
    let templatePath = folder + "/chat_template.jinja"
    let template = manager.fileExists(atPath: templatePath) ? try Self.bytes(templatePath) : nil
    try self.init(
      tokenizer: tokenizer, configuration: configuration,
      chatTemplate: template.map { String(decoding: $0, as: UTF8.self) })
  }

  private static func json(_ path: String) throws(TextError) -> JSONValue {
    let bytes = try bytes(path)
    do {
      return try JSONValue.parse(bytes)
    } catch {
      throw .json(path: path, error)
    }
  }

  private static func bytes(_ path: String) throws(TextError) -> [UInt8] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .unreadable(path: path, reason: "there is no such file")
    }
    if isFolder.boolValue { throw .unreadable(path: path, reason: "it is a folder") }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, reason: "the file system refuses it")
    }
    return [UInt8](data)
  }
}
