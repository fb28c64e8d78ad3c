import Foundation
import QuireJSON
import QuireText
import TestSupport

/// Vectors of the real Qwen3 tokenizer, present only where the reference data is.
enum ReferenceData {
  static let folder = TestPaths.shared("qwen3-tokenizer")
  static let isPresent = folder != nil

  /// The real tokenizer, loaded once. Only call it where ``isPresent``.
  static let tokenizer: Tokenizer = {
    do {
      return try Tokenizer(folder: folder ?? "")
    } catch {
      preconditionFailure("\(error)")
    }
  }()

  static func json(_ name: String) throws -> JSONValue { try readJSON((folder ?? "") + "/" + name) }
}

/// The demo model's tokenizer and goldens of the reference implementation for it (`tools/make-text-goldens`).
enum DemoData {
  static let folder = TestPaths.repository + "/recipes/demo/checkpoint"
  static let fixtures = TestPaths.repository + "/Tests/QuireTextTests/Fixtures"

  static let tokenizer: Tokenizer = {
    do {
      return try Tokenizer(folder: folder)
    } catch {
      preconditionFailure("\(error)")
    }
  }()

  static func json(_ name: String) throws -> JSONValue { try readJSON(fixtures + "/" + name) }
}

func readJSON(_ path: String) throws -> JSONValue {
  guard let data = FileManager.default.contents(atPath: path) else { throw MissingFile(path: path) }
  return try JSONValue.parse(data)
}

struct MissingFile: Error {
  let path: String
}

extension JSONValue {
  /// The elements of an array of ids.
  var ids: [Int32]? { arrayValue?.map { Int32($0.intValue ?? -1) } }

  /// The bytes of a text of hexadecimal digits.
  var hexBytes: [UInt8]? {
    guard let digits = stringValue.map({ Array($0.utf8) }) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { index in
      UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) ?? 0
    }
  }
}
