import Foundation
import QuireFiles
import TestSupport
import Testing

/// Streams that can be read only once, as files.
@Suite struct InputStreamTests {
  /// A pipe that gives `bytes` and ends.
  private func pipe(_ bytes: [UInt8]) -> Pipe {
    let pipe = Pipe()
    Thread.detachNewThread {
      try? pipe.fileHandleForWriting.write(contentsOf: Data(bytes))
      try? pipe.fileHandleForWriting.close()
    }
    return pipe
  }

  private func contents(_ file: InputFile) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: file.byteCount)
    try bytes.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
    return bytes
  }

  @Test func aPipeIsReadToItsEnd() throws {
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 3) }
    for count in [0, 1, 4, 5, 3_000_000] {
      let pipe = pipe(Array(bytes.prefix(count)))
      var asked: [[UInt8]] = []
      let file = try InputFile.stream(pipe.fileHandleForReading.fileDescriptor, startBytes: 5) {
        asked.append($0)
        return true
      }
      #expect(try contents(file) == Array(bytes.prefix(count)))
      #expect(asked == (count < 5 ? [] : [Array(bytes.prefix(5))]))
    }
  }

  @Test func anotherBeginningEndsTheCopy() throws {
    signal(SIGPIPE, SIG_IGN)
    let pipe = pipe([UInt8](repeating: 9, count: 5_000_000))
    let file = try InputFile.stream(pipe.fileHandleForReading.fileDescriptor, startBytes: 24) { _ in false }
    #expect(file.byteCount >= 24 && file.byteCount <= 1 << 20)
    try pipe.fileHandleForReading.close()
  }

  @Test func aLongStreamIsRefused() throws {
    signal(SIGPIPE, SIG_IGN)
    let pipe = pipe([UInt8](repeating: 9, count: 200_000))
    let error = #expect(throws: FileFailure.self) {
      try InputFile.stream(
        pipe.fileHandleForReading.fileDescriptor, startBytes: 1, byteCountMax: 150_000, accepts: { _ in true }
      )
    }
    #expect(error?.reason.hasPrefix("more than 150 kB, the most that is copied to ") == true)
    try pipe.fileHandleForReading.close()
  }

  @Test func aFileIsNotCopied() throws {
    let folder = TemporaryFolder()
    let path = folder.write([1, 2, 3], to: "a")
    let handle = try #require(FileHandle(forReadingAtPath: path))
    let file = try InputFile.stream(handle.fileDescriptor, startBytes: 24) { _ in false }
    try handle.close()
    #expect(try contents(file) == [1, 2, 3])
  }
}
