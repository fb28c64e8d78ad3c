import Foundation

/// Reads the files that users bring to an evaluation.
enum InputText {
  /// The bytes of a readable regular file that is UTF-8 text; a byte order mark is dropped.
  static func bytes(path: String, purpose: String) throws(EvaluationError) -> [UInt8] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .unreadableFile(path: path, purpose: purpose, found: "no such file")
    }
    guard !isFolder.boolValue else {
      throw .unreadableFile(path: path, purpose: purpose, found: "a folder")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadableFile(path: path, purpose: purpose, found: "a file that may not be read")
    }
    var bytes = [UInt8](data)
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw .unreadableFile(path: path, purpose: purpose, found: "bytes that are not UTF-8")
    }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    return bytes
  }
}
