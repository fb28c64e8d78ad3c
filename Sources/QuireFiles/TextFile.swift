import Foundation

/// Reads users' UTF-8 text files: calibration text, tasks, text to predict.
///
/// The same rules apply to all: a byte order mark is dropped, invalid UTF-8 is refused with its line number, line ends
/// are unchanged. ``JSONLines`` splits such text into lines.
package enum TextFile {
  /// The bytes of a text file without a byte order mark.
  package static func bytes(path: String) throws(TextProblem) -> [UInt8] {
    try bytes(contents(path: path))
  }

  /// All bytes of a file or pipe, whatever they are. Throws `missing`, `folder` or `unreadable`.
  package static func contents(path: String) throws(TextProblem) -> [UInt8] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { throw .missing }
    guard !isFolder.boolValue else { throw .folder }
    if let data = FileManager.default.contents(atPath: path) { return [UInt8](data) }
    // Foundation reads no pipes, such as a shell's process substitution.
    do { return try WholeStream.bytes(path: path) } catch { throw .unreadable }
  }

  /// The same for contents that were already read.
  package static func bytes(_ contents: [UInt8]) throws(TextProblem) -> [UInt8] {
    guard String(validating: contents, as: UTF8.self) != nil else {
      throw .notUTF8(line: JSONLines.firstInvalidLine(contents))
    }
    return contents.starts(with: byteOrderMark) ? Array(contents.dropFirst(byteOrderMark.count)) : contents
  }

  package static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
}

/// Why a text file cannot be used: what was found instead.
package enum TextProblem: Error, Equatable, Sendable, CustomStringConvertible {
  case missing
  case folder
  case unreadable
  /// Lines count from 1.
  case notUTF8(line: Int)

  package var description: String {
    switch self {
    case .missing: "no such file"
    case .folder: "a folder"
    case .unreadable: "a file that may not be read"
    case .notUTF8(let line): "bytes that are not UTF-8 in line \(line)"
    }
  }
}
