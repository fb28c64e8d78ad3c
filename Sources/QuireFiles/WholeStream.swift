#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reads a stream up to its end: the standard input, a pipe, a device.
package enum WholeStream {
  /// The most bytes that are read; a device may have no end.
  package static let byteLimit = 1 << 30

  /// The bytes that a descriptor still has.
  package static func bytes(_ descriptor: Int32) throws(FileFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .last }
      guard count > 0 else { return bytes }
      bytes += chunk.prefix(count)
      guard bytes.count <= byteLimit else {
        throw FileFailure(reason: "more than \(ByteText.of(byteLimit))", remedy: "give less")
      }
    }
  }

  /// The bytes of a file of any kind.
  package static func bytes(path: String) throws(FileFailure) -> [UInt8] {
    let descriptor = open(try validated(path: path), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last }
    defer { _ = close(descriptor) }
    return try bytes(descriptor)
  }
}
