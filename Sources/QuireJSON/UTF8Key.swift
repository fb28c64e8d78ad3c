/// A text as a key of dictionaries and sets that compares by its UTF-8 bytes.
///
/// Keys of type `String` compare by canonical equivalence, which takes "é" and "e\u{301}" for the same key. Texts of
/// clients must not: what one of them means would be found under the other.
///
///     var rules: [UTF8Key: Int] = [:]
///     rules[UTF8Key(name)] = 3
package struct UTF8Key: Hashable, Sendable {
  private let text: String

  package init(_ text: String) { self.text = text }

  package static func == (left: UTF8Key, right: UTF8Key) -> Bool { left.text.hasSameBytes(as: right.text) }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
