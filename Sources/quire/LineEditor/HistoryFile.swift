import Foundation
import QuireJSON

/// The typed lines of earlier chats, one JSON string a line, in a file that only its owner can read.
///
/// Faults of the file are not errors of a chat: lines that cannot be read are skipped, and a line that cannot be
/// written is only missing next time.
struct HistoryFile {
  let path: String

  /// Lines that are kept.
  static let lineLimit = 1000
  /// A longer line, such as a pasted document, is not kept.
  private static let byteLimit = 32 << 10
  /// The file is shortened to its last lines when it is larger.
  private static let fileByteLimit = 1 << 20

  init(folder: String) { path = folder + "/quire/chat-history" }

  /// The last lines, oldest first.
  func load() -> [String] {
    guard let file = open(O_RDONLY), let data = try? file.readToEnd() else { return [] }
    let stored = data.split(separator: UInt8(ascii: "\n")).suffix(Self.lineLimit)
    if data.count > Self.fileByteLimit { replace(with: stored) }
    return stored.compactMap { line in (try? JSONValue.parse(line))?.stringValue }
  }

  func append(_ text: String) {
    let line = Data((JSONValue.string(text).serialized() + "\n").utf8)
    guard line.count <= Self.byteLimit else { return }
    let folder = (path as NSString).deletingLastPathComponent
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    // One write, so that lines of two chats do not mix.
    try? open(O_WRONLY | O_APPEND | O_CREAT)?.write(contentsOf: line)
  }

  private func replace(with lines: some Collection<Data>) {
    let kept =
      Data(lines.suffix(Self.lineLimit / 2).joined(separator: [UInt8(ascii: "\n")])) + Data("\n".utf8)
    let temporary = path + ".\(getpid())"
    guard
      FileManager.default.createFile(
        atPath: temporary, contents: kept, attributes: [.posixPermissions: 0o600])
    else { return }
    if rename(temporary, path) != 0 { unlink(temporary) }
  }

  /// Opens the file if it is a regular file that belongs to this user: a link, a pipe or a device is left alone.
  private func open(_ flags: Int32) -> FileHandle? {
    let descriptor = Foundation.open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
      fchmod(descriptor, 0o600) == 0
    else { return nil }
    return file
  }
}
