import Foundation
import QuireCheckpoints
import QuireFiles

/// What is at the path that a user gave as MODEL.
enum ModelPath {
  case folder
  /// A GGUF file.
  case file
  case pack

  /// Packs begin with these bytes; the four before them are a size.
  private static let packMagic: [UInt8] = [0x51, 0x2A, 0x4D, 0x18]

  init(_ path: String) throws(ModelFileError) {
    // Of the two only a pack is one stream.
    guard path != InputFile.standardInputPath else {
      self = .pack
      return
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .notFound(path: path, advice: Self.advice(missing: path))
    }
    if isFolder.boolValue {
      self = .folder
      return
    }
    let start = Self.start(path)
    if start.starts(with: GGUFFormat.magic) {
      self = .file
      return
    }
    self = .pack
    guard !start.starts(with: Self.packMagic), !path.hasSuffix(".quire") else { return }
    if let (found, advice) = Self.foreign(start, path) {
      throw .foreign(path: path, found: found, advice: advice)
    }
  }

  /// The first bytes of a file; empty when it cannot be read, which the pack's reader then reports.
  private static func start(_ path: String) -> [UInt8] {
    guard let file = try? InputFile(path: path) else { return [] }
    var bytes = [UInt8](repeating: 0, count: min(file.byteCount, ForeignFile.startBytes))
    let isRead: Bool = bytes.withUnsafeMutableBytes { (try? file.read(at: 0, into: $0)) != nil }
    return isRead ? bytes : []
  }

  private static func foreign(_ start: [UInt8], _ path: String) -> (found: String, advice: String)? {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    // A header's length in eight bytes, of which the last four are zero, then the header.
    if start.count > 8, start[4..<8].allSatisfy({ $0 == 0 }), start[8] == UInt8(ascii: "{") {
      return ("one safetensors file", "give the folder that holds it and config.json: \(folder)")
    }
    if let foreign = ForeignFile(start: start) { return (foreign.what, foreign.advice) }
    let name = URL(fileURLWithPath: path).lastPathComponent
    if CompanionFile.allCases.contains(where: { $0.name == name }) {
      return ("the checkpoint's \(name)", "give the folder that holds it: \(folder)")
    }
    let isText =
      !start.isEmpty && start.allSatisfy { $0 >= 0x20 && $0 < 0x7F || (9...13).contains($0) || $0 >= 0x80 }
    return isText ? ("a text file", "give the model's folder or pack") : nil
  }

  /// For names on the Hugging Face hub, the command that downloads them.
  private static func advice(missing path: String) -> String {
    guard let name = hubName(path) else { return "check the path" }
    let folder = PathText.name(of: name)
    return "download it with hf download \(name) --local-dir \(folder), then give \(folder)"
  }

  /// `owner/name` on the hub, or the address of its page; nil for what can only be a path.
  private static func hubName(_ path: String) -> String? {
    var text = Substring(path)
    for address in ["https://huggingface.co/", "http://huggingface.co/", "huggingface.co/", "hf://"]
    where text.hasPrefix(address) {
      text = text.dropFirst(address.count)
    }
    while text.hasSuffix("/") { text = text.dropLast() }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    if parts.count == 1, parts[0].hasPrefix("Qwen3-"), isPlain(parts[0]) { return "Qwen/\(parts[0])" }
    guard parts.count == 2, parts.allSatisfy(isPlain) else { return nil }
    // If the first part is an existing folder, a path was meant.
    return FileManager.default.fileExists(atPath: String(parts[0])) ? nil : parts.joined(separator: "/")
  }

  private static func isPlain(_ part: Substring) -> Bool {
    guard let first = part.utf8.first, first != UInt8(ascii: "."), !part.hasSuffix(".quire") else {
      return false
    }
    return part.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(byte)
    }
  }
}

/// A model's name: the last part of its path, or its name on the hub for a path in a download cache.
func displayName(_ path: String) -> String {
  if path == InputFile.standardInputPath { return "model" }
  let parts = URL(fileURLWithPath: path).standardizedFileURL.pathComponents
  // …/models--Qwen--Qwen3-8B/snapshots/0123abcd
  if parts.count >= 3, parts[parts.count - 2] == "snapshots" {
    let cache = parts[parts.count - 3]
    let prefix = "models--"
    if cache.hasPrefix(prefix), cache.count > prefix.count {
      return String(cache.dropFirst(prefix.count)).replacing("--", with: "/", maxReplacements: 1)
    }
  }
  let last = parts.last ?? path
  let ending = [".quire", ".gguf"].first(where: last.hasSuffix)
  return String(last.dropLast(ending?.count ?? 0))
}
