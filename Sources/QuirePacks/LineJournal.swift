package import QuireFiles
package import QuireJSON

/// Lines of JSON next to an unfinished file, for the run that resumes after a killed one. The first line is the
/// key: everything that decides the contents of the file.
///
/// Each line is a checksum of 16 hexadecimal digits, a space and the JSON. The checksum also covers the one before
/// it, so that a changed, lost, doubled or moved line breaks the chain: only the lines before it are used, and
/// these are an earlier state of the journal. Lines are only appended; what an interrupted write left is cut off
/// before the next.
package final class LineJournal {
  /// The end of a line, and the checksum up to there.
  package struct Mark: Equatable {
    fileprivate let byteCount: Int
    fileprivate let checksum: UInt64

    fileprivate static let start = Mark(byteCount: 0, checksum: 0)

    /// The mark of the line that follows.
    fileprivate func appending(_ json: some Collection<UInt8>) -> (mark: Mark, line: [UInt8]) {
      let text = Array(json)
      var hash = ContentHash()
      withUnsafeBytes(of: checksum.littleEndian) { hash.update($0) }
      text.withUnsafeBytes { hash.update($0) }
      let line = Array(hash.hexadecimal.utf8) + [UInt8(ascii: " ")] + text + [UInt8(ascii: "\n")]
      // bounded: the journal's size
      return (Mark(byteCount: byteCount + line.count, checksum: hash.value), line)
    }
  }

  /// The lines of the journal up to the first that is cut, changed or out of order.
  package struct Contents {
    /// nil when even the first line is not complete.
    package fileprivate(set) var key: String?
    package fileprivate(set) var keyEnd = Mark.start
    package fileprivate(set) var lines: [Line] = []
  }

  package struct Line {
    package let value: JSONValue
    package let end: Mark
  }

  private static let keyKey = "key"
  private let text: AtomicFile
  private var end = Mark.start

  /// Opens or creates the journal at `path`. It never exists under that name, only as an unfinished file.
  ///
  /// A damaged journal starts afresh, so its beginning is not looked at here; commands do that before.
  package init(path: String) throws(FileFailure) {
    text = try AtomicFile(path: path, resumes: true)
    text.keepsTemporary = true
  }

  /// Removes the journal at `path`, if there is one.
  package static func discard(path: String) throws(FileFailure) {
    try AtomicFile.discardTemporary(for: path)
  }

  /// Keeps the journal after this object, for a later run.
  package var isKept: Bool {
    get { text.keepsTemporary }
    set { text.keepsTemporary = newValue }
  }

  /// Deletes all lines.
  package func restart(key: String) throws(FileFailure) {
    try cut(after: .start)
    try append([Self.keyKey: .string(key)])
  }

  package func append(_ value: JSONValue) throws(FileFailure) {
    let (mark, line) = end.appending(value.serializedBytes())
    try text.write(line)
    end = mark
  }

  /// Deletes the lines after `mark`.
  package func cut(after mark: Mark) throws(FileFailure) {
    try text.truncate(to: mark.byteCount)
    end = mark
  }

  /// Syncs the journal to disk.
  package func synchronize() throws(FileFailure) { try text.synchronize() }

  /// The lines of the journal at `path` that an earlier run has left; nil where there is none that can be read. It is not
  /// opened for writing.
  package static func found(path: String) -> Contents? {
    guard let file = try? InputFile(path: AtomicFile.temporaryPath(for: path)) else { return nil }
    var bytes = [UInt8](repeating: 0, count: file.byteCount)
    let isRead: Bool = bytes.withUnsafeMutableBytes { (try? file.read(at: 0, into: $0)) != nil }
    return isRead ? contents(of: bytes) : nil
  }

  /// Call `restart` or `cut` before the next `append`: the journal may hold more than the valid lines.
  package func contents() throws(FileFailure) -> Contents {
    var bytes = [UInt8](repeating: 0, count: text.byteCount)
    try text.read(at: 0, into: &bytes)
    return Self.contents(of: bytes)
  }

  private static func contents(of bytes: [UInt8]) -> Contents {
    var contents = Contents()
    var mark = Mark.start
    while let newline = bytes[mark.byteCount...].firstIndex(of: UInt8(ascii: "\n")) {
      let line = bytes[mark.byteCount...newline]
      let json = line.dropFirst(17).dropLast()
      let (next, expected) = mark.appending(json)
      guard line.elementsEqual(expected), let value = try? JSONValue.parse(json) else { break }
      mark = next
      if contents.key != nil {
        contents.lines.append(Line(value: value, end: mark))
      } else if let key = value[keyKey]?.stringValue {
        (contents.key, contents.keyEnd) = (key, mark)
      } else {
        break
      }
    }
    return contents
  }
}
