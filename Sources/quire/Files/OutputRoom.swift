import QuireConversion
import QuireFiles
import QuireText

extension DiskRoom {
  /// The room on the disk of an output path.
  ///
  /// - Parameter isStream: whether the file is a temporary one for the standard output
  init(_ converter: Converter, output path: String, isStream: Bool = false, isDelta: Bool) {
    self.init(
      converter.plan, folder: resolvedPath(DiskSpace.folder(of: path)).visibleLine,
      freeBytes: DiskSpace.availableBytes(forFile: path),
      writtenBytes: UnfinishedFiles(of: path).diskBytes, isDelta: isDelta,
      alternative: isStream ? "set TMPDIR to a folder on another disk" : "choose another path")
  }

  /// Throws where the pack cannot fit; says where it may not.
  static func check(_ converter: Converter, _ output: PackOutput, isDelta: Bool) throws {
    let room = DiskRoom(converter, output: output.path, isStream: output.isStream, isDelta: isDelta)
    if let refusal = room.refusal { throw CommandError("--output: \(refusal)") }
    showNotices([room.warning].compactMap(\.self))
  }
}
