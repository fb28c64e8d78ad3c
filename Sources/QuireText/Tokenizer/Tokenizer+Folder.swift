import Foundation
import QuireFiles
import QuireJSON

extension Tokenizer {
  /// From a checkpoint folder: tokenizer.json, or else vocab.json and merges.txt, and tokenizer_config.json and chat
  /// template files if they exist.
  ///
  /// - Parameter chatFormat: The format that the user asks for; nil chooses it by the templates.
  package convenience init(folder: String, chatFormat: ChatFormatOverride? = nil) throws(TextError) {
    let configurationPath = folder + "/tokenizer_config.json"
    let hasConfiguration = FileManager.default.fileExists(atPath: configurationPath)
    let configuration = hasConfiguration ? try Self.json(configurationPath) : nil
    try self.init(
      tokenizer: try Self.file(in: folder, configuration), configuration: configuration,
      templateFiles: try Self.templateFiles(in: folder), chatFormat: chatFormat)
  }

  /// Whether a folder has files of a tokenizer, even ones that cannot be read.
  package static func exists(inFolder folder: String) -> Bool {
    ["tokenizer.json", "vocab.json", "merges.txt"].contains { name in
      // Not followed: a link to a missing file is a file that cannot be read.
      (try? FileManager.default.attributesOfItem(atPath: folder + "/" + name)) != nil
    }
  }

  private static func file(in folder: String, _ configuration: JSONValue?) throws(TextError) -> JSONValue {
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder + "/" + name) }
    guard !exists("tokenizer.json"), exists("vocab.json"), exists("merges.txt") else {
      return try json(folder + "/tokenizer.json")
    }
    let mergesPath = folder + "/merges.txt"
    let mergesBytes = try bytes(mergesPath)
    try refuseForeign(mergesBytes, mergesPath)
    let merges = String(decoding: mergesBytes, as: UTF8.self)
    return try file(
      vocabulary: try json(folder + "/vocab.json"), merges: merges, configuration: configuration,
      added: exists("added_tokens.json") ? try json(folder + "/added_tokens.json") : nil)
  }

  /// chat_template.jinja, then the files of additional_chat_templates by name.
  private static func templateFiles(in folder: String) throws(TextError) -> [ChatTemplates.Template] {
    var files: [ChatTemplates.Template] = []
    let path = folder + "/" + ChatTemplates.fileName
    if FileManager.default.fileExists(atPath: path) {
      files.append(ChatTemplates.Template(text: String(decoding: try bytes(path), as: UTF8.self)))
    }
    let additional = folder + "/" + ChatTemplates.folderName
    let names = (try? FileManager.default.contentsOfDirectory(atPath: additional)) ?? []
    for name in names.sorted() where name.hasSuffix(".jinja") {
      let text = String(decoding: try bytes(additional + "/" + name), as: UTF8.self)
      files.append(ChatTemplates.Template(name: String(name.dropLast(6)), text: text))
    }
    return files
  }

  private static func json(_ path: String) throws(TextError) -> JSONValue {
    let bytes = try bytes(path)
    do {
      return try JSONValue.parse(bytes)
    } catch {
      try refuseForeign(bytes, path)
      throw .json(path: path, error)
    }
  }

  /// Throws where a Git LFS pointer, the page of a failed download or another known type of file has the name.
  private static func refuseForeign(_ bytes: [UInt8], _ path: String) throws(TextError) {
    guard let foreign = ForeignFile(start: bytes) else { return }
    throw .foreign(path: path, found: foreign.what, advice: foreign.advice)
  }

  /// Qwen3's tokenizer.json has 11 MB. Parsed JSON takes many times the file's size in memory, so the size is limited.
  private static let fileBytesMaximum = 64 << 20

  private static func bytes(_ path: String) throws(TextError) -> [UInt8] {
    do throws(FileFailure) {
      let file = try InputFile(path: path)
      guard file.byteCount <= fileBytesMaximum else {
        throw FileFailure(
          reason: "it has \(ByteText.of(file.byteCount)), more than \(ByteText.of(fileBytesMaximum))")
      }
      var bytes = [UInt8](repeating: 0, count: file.byteCount)
      let failure: FileFailure? = bytes.withUnsafeMutableBytes { target in
        do throws(FileFailure) {
          try file.read(at: 0, into: target)
          return nil
        } catch {
          return error
        }
      }
      if let failure { throw failure }
      return bytes
    } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
  }
}
