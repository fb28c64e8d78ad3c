import QuireFiles

/// Whether the disks have room for a statistics file and for the hidden states in a temporary file, which is asked before
/// the work and not when a disk is full.
package struct StatisticsRoom {
  /// What is written to one disk.
  private struct Part {
    /// What takes the bytes, after the path of the statistics file.
    let subject: String
    let byteCount: Int
    let freeBytes: Int?
    let advice: String

    var problem: String? {
      guard let freeBytes, freeBytes < byteCount else { return nil }
      return "\(subject) \(ByteText.of(byteCount)), but its disk has \(ByteText.of(freeBytes)) left; "
        + advice
    }
  }

  private let path: String
  private let parts: [Part]

  /// - Parameters:
  ///   - fileBytes: of the statistics file
  ///   - statesBytes: of the hidden states in the folder for temporary files; 0 without any
  ///   - sharesDisk: whether that folder is on the disk of the statistics file
  package init(
    path: String, fileBytes: Int, statesBytes: Int, sharesDisk: Bool, freeBytes: Int?, freeStatesBytes: Int?
  ) {
    self.path = path
    let folder = ScratchFile.temporaryFolder
    let advice = "free space or choose another path"
    if sharesDisk, statesBytes > 0 {
      // bounded: both are sizes of a model in memory
      parts = [
        Part(
          subject: "and a temporary file of hidden states in \(folder) will take",
          byteCount: fileBytes + statesBytes, freeBytes: freeBytes,
          advice: advice + ", or set TMPDIR to a folder on another disk")
      ]
    } else {
      parts = [
        Part(subject: "will take", byteCount: fileBytes, freeBytes: freeBytes, advice: advice),
        Part(
          subject: "needs a temporary file of hidden states in \(folder), which will take",
          byteCount: statesBytes, freeBytes: freeStatesBytes,
          advice: "free space or set TMPDIR to a folder on another disk"),
      ]
    }
  }

  init(path: String, _ layout: StatisticsLayout, statesBytes: Int = 0) {
    let temporary = ScratchFile.temporaryFolder + "/states"
    self.init(
      path: path, fileBytes: layout.byteCount, statesBytes: statesBytes,
      sharesDisk: DiskSpace.isShared(path, with: temporary),
      freeBytes: DiskSpace.availableBytes(forFile: path),
      freeStatesBytes: DiskSpace.availableBytes(forFile: temporary))
  }

  /// Throws where something cannot fit.
  package func check() throws(CalibrationError) {
    guard let problem = parts.compactMap(\.problem).first else { return }
    throw .statistics(path: path, problem: problem)
  }
}
