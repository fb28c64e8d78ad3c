import QuireFiles
import QuireJSON

/// Everything that decides a measurement. Two measurements with equal keys have equal results, apart from times.
struct ResultKey: Equatable {
  /// Changed when the program computes something differently, so that older results are not used.
  private static let version = 1

  private var parts: JSONObject

  init(_ kind: String, programVersion: String) {
    parts = ["kind": .string(kind), "version": .int(Self.version), "program": .string(programVersion)]
  }

  subscript(name: String) -> String? {
    get { parts[name]?.stringValue }
    set { parts[name] = newValue.map { .string($0) } }
  }

  var text: String { JSONValue.object(parts).serialized() }

  /// The name of the file with the result, without its extension.
  var fileName: String { "\(self["kind"] ?? "result")-\(Digest.of(text))" }
}

/// Hashes of what keys name.
enum Digest {
  static func of(_ text: String) -> String {
    var hash = ContentHash()
    var text = text
    text.withUTF8 { hash.update(UnsafeRawBufferPointer($0)) }
    return hash.hexadecimal
  }

  /// The hash of token sequences; the lengths are a part of it.
  static func of(_ sequences: [[Int32]]) -> String {
    var hash = ContentHash()
    for sequence in sequences {
      withUnsafeBytes(of: Int64(sequence.count).littleEndian) { hash.update($0) }
      sequence.withUnsafeBytes { hash.update($0) }
    }
    return hash.hexadecimal
  }
}
