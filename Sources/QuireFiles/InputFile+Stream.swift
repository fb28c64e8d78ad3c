#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension InputFile {
  /// The path that stands for the standard input.
  package static let standardInputPath = "-"

  /// The contents of a stream that can be read only once, such as a pipe, as a file that can be read at any offset.
  ///
  /// A regular file of which nothing has been read is used as it is. Anything else is first copied, up to its end, to a file without a name in the folder
  /// for temporary files. The copy ends early when `accepts` refuses the first bytes, so that something else than expected
  /// does not fill the disk; the file then consists of these bytes, and the caller reports what is wrong with them.
  ///
  /// - Parameters:
  ///   - startBytes: how many of the first bytes `accepts` gets; fewer where the stream ends earlier
  ///   - byteCountMax: the most bytes to copy; nil: nine tenths of the free disk space
  /// - Throws: when the stream is longer, cannot be read or cannot be copied.
  package static func stream(
    _ descriptor: Int32, startBytes: Int, byteCountMax: Int? = nil, accepts: ([UInt8]) -> Bool
  ) throws(FileFailure) -> InputFile {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last }
    if status.st_mode & S_IFMT == S_IFREG, lseek(descriptor, 0, SEEK_CUR) == 0 {
      let own = dup(descriptor)
      guard own >= 0 else { throw .last }
      return InputFile(owning: own, byteCount: Int(status.st_size))
    }
    guard isatty(descriptor) == 0 else {
      throw FileFailure(
        reason: "the standard input is a terminal", remedy: "give the path of a file, or pipe it in")
    }
    let folder = ScratchFile.temporaryFolder
    let limit = byteCountMax ?? (DiskSpace.availableBytes(forFile: folder + "/x") ?? .max) / 10 * 9
    let target = try ScratchFile.openUnnamed().descriptor
    do throws(FileFailure) {
      let count = try copy(descriptor, to: target, startBytes, limit, folder, accepts)
      return InputFile(owning: target, byteCount: count)
    } catch {
      _ = close(target)
      throw error
    }
  }

  /// Returns the number of bytes copied.
  private static func copy(
    _ source: Int32, to target: Int32, _ startBytes: Int, _ limit: Int, _ folder: String,
    _ accepts: ([UInt8]) -> Bool
  ) throws(FileFailure) -> Int {
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { chunk.deallocate() }
    var start: [UInt8] = []
    var isAccepted = false
    var done = 0
    while true {
      let count = readNext(source, into: chunk)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .last }
      guard count > 0 else { return done }
      guard count <= limit - done else {
        throw FileFailure(
          reason: "more than \(ByteText.of(limit)), the most that is copied to \(folder)",
          remedy: "save it as a file and give its path, or set TMPDIR to a folder on a disk with more room")
      }
      do throws(FileFailure) {
        try writeWhole(target, at: done, UnsafeRawBufferPointer(rebasing: chunk.prefix(count)))
      } catch {
        throw FileFailure(reason: "\(error.reason) in \(folder), to which it is copied", remedy: error.remedy)
      }
      done += count
      guard !isAccepted else { continue }
      start += chunk.prefix(min(count, startBytes - start.count))
      isAccepted = start.count == startBytes && accepts(start)
      if start.count == startBytes, !isAccepted { return done }
    }
  }
}

/// The system's read: 0 at the end, -1 for an error.
private func readNext(_ descriptor: Int32, into target: UnsafeMutableRawBufferPointer) -> Int {
  read(descriptor, target.baseAddress, target.count)
}
