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

  /// Whether a file of this name exists, readable or not.
  func has(_ name: String) -> Bool {
    var status = stat()
    return lstat(path(name), &status) == 0
  }

  /// The JSON object in the file `name`, nil when there is no such file.
  func object(_ name: String) throws(CheckpointError) -> JSONValue? {
    guard has(name) else { return nil }
    let file = path(name)
    let text = try contents(file)
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(text)
    } catch {
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
