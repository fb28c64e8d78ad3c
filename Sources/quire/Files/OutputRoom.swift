import QuireConversion
import QuireFiles
import QuirePacks
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
      alternative: Self.alternative(isStream))
  }

  private static func alternative(_ isStream: Bool) -> String {
    isStream ? "set TMPDIR to a folder on another disk" : "choose another path"
  }

  /// Throws where the tensors of a pack cannot fit into another one; says where they may not.
  static func check(rewriting pack: PackReader, _ output: PackOutput, isDelta: Bool) throws {
    let room = DiskRoom(
      rewriting: pack.tensors, folder: resolvedPath(DiskSpace.folder(of: output.path)).visibleLine,
      freeBytes: DiskSpace.availableBytes(forFile: output.path),
      writtenBytes: UnfinishedFiles(of: output.path).diskBytes, isDelta: isDelta,
      alternative: alternative(output.isStream))
    try room.check()
  }

  /// Throws where the pack cannot fit; says where it may not.
  static func check(_ converter: Converter, _ output: PackOutput, isDelta: Bool) throws {
    try DiskRoom(converter, output: output.path, isStream: output.isStream, isDelta: isDelta).check()
  }

  private func check() throws {
    if let refusal { throw CommandError("--output: \(refusal)") }
    showNotices([warning].compactMap(\.self))
  }
}
