#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
import QuireFiles
import QuireJSON
import QuireTensors

/// The folder of a checkpoint and its JSON files.
struct CheckpointFolder {
  /// Far more than the index of any model needs.
  private static let jsonBytesMax = 64 << 20

  let path: String

  init(path: String) throws(CheckpointError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw .noFolder(path: "\"\(path.filter { $0 != "\0" })\"", reason: "it is not a path")
    }
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw .noFolder(path: path, reason: "it does not exist or is out of reach")
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw .noFolder(path: path, reason: "it is not a folder")
    }
    self.path = path
  }

  func path(_ name: String) -> String { path.hasSuffix("/") ? path + name : path + "/" + name }

  /// Whether a file of this name exists, readable or not. Throws where that cannot be known, as in a folder that may not
  /// be entered.
  func has(_ name: String) throws(CheckpointError) -> Bool {
    var status = stat()
    guard lstat(path(name), &status) != 0 else { return true }
    let (code, failure) = (errno, FileFailure.last)
    // A name that the file system cannot hold is not there either.
    if [ENOENT, ENOTDIR, ENAMETOOLONG].contains(code) { return false }
    throw .unreadable(path: path(name), reason: failure.reason)
  }

  /// The JSON object in the file `name`, nil when there is no such file.
  func object(_ name: String) throws(CheckpointError) -> JSONValue? {
    guard try has(name) else { return nil }
    let file = path(name)
    let text = try contents(file)
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(text)
    } catch {
      if let foreign = ForeignFile(start: text) {
        throw .foreign(path: file, expected: "valid JSON", found: foreign.what, advice: foreign.advice)
      }
      throw .malformed(path: file, expected: "valid JSON", found: "a fault at \(error)")
    }
    guard case .object = value else {
      throw .malformed(path: file, expected: "a JSON object", found: value.kindDescription)
    }
    return value
  }

  private func contents(_ path: String) throws(CheckpointError) -> [UInt8] {
    do throws(FileFailure) {
      let file = try InputFile(path: path)
      guard file.byteCount <= Self.jsonBytesMax else {
        throw FileFailure(reason: "it has more than \(Self.jsonBytesMax) bytes")
      }
      let buffer = HostBuffer<UInt8>(count: file.byteCount)
      try file.read(at: 0, into: buffer.bytes)
      return Array(buffer.buffer)
    } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
  }
}
