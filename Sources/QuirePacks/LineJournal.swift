package import QuireFiles
package import QuireJSON
import QuireTensors

/// Lines of JSON beside an unfinished file, for the run that goes on where a killed one has stopped. The first is the
/// key: everything that decides what the file will hold.
///
/// Lines are only appended, so that a kill spoils the last one at most; what it spoilt is cut off before the next.
package final class LineJournal {
  /// What the journal holds up to the first line that is cut or no JSON.
  package struct Contents {
    /// nil when not even the first line is whole.
    package fileprivate(set) var key: String?
    /// Where the key's line ends.
    package fileprivate(set) var keyEnd = 0
    package fileprivate(set) var lines: [Line] = []
  }

  package struct Line {
    package let value: JSONValue
    /// Where the line ends.
    package let end: Int
  }

  private static let keyKey = "key"
  private let text: AtomicFile

  /// Opens or creates the journal at `path`, which is never there under that name: only as an unfinished file.
  package init(path: String) throws(FileFailure) {
    text = try AtomicFile(path: path, resumes: true)
    text.keepsTemporary = true
  }

  /// Removes the journal at `path`, if there is one.
  package static func discard(path: String) throws(FileFailure) {
    try AtomicFile.discardTemporary(for: path)
  }

  /// Whether the journal outlives this object, for a later run.
  package var isKept: Bool {
    get { text.keepsTemporary }
    set { text.keepsTemporary = newValue }
  }

  /// Forgets everything.
  package func restart(key: String) throws(FileFailure) {
    try text.truncate(to: 0)
    try append([Self.keyKey: .string(key)])
  }

  package func append(_ value: JSONValue) throws(FileFailure) {
    try text.write(value.serializedBytes() + [UInt8(ascii: "\n")])
  }

  /// Forgets what stands behind `end`.
  package func cut(behind end: Int) throws(FileFailure) { try text.truncate(to: end) }

  /// Brings what was written to the disk.
  package func synchronize() throws(FileFailure) { try text.synchronize() }

  package func contents() throws(FileFailure) -> Contents {
    let buffer = HostBuffer<UInt8>(count: text.byteCount)
    try text.read(at: 0, into: buffer.bytes)
    let bytes = Array(buffer.buffer)
    var contents = Contents()
    var start = 0
    while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      guard let value = try? JSONValue.parse(bytes[start..<end]) else { break }
      start = end + 1
      if contents.key != nil {
        contents.lines.append(Line(value: value, end: start))
      } else if let key = value[Self.keyKey]?.stringValue {
        (contents.key, contents.keyEnd) = (key, start)
      } else {
        break
      }
    }
    return contents
  }
}
