import Foundation
import QuireCheckpoints
package import QuireFiles

/// Writes a planned export.
///
///     let exporter = Exporter(plan)
///     try exporter.check(output, replaces: false)
///     try exporter.write(to: output, replaces: false) { done, total in … }
///
/// The output appears under its name when it is complete; a run that is stopped leaves nothing there.
package struct Exporter {
  private let plan: ExportPlan
  /// How the files of `ExportFormat.gguf` begin.
  package static let ggufBeginning = FileBeginning.bytes(GGUFFormat.magic)

  package init(_ plan: ExportPlan) { self.plan = plan }

  /// Throws when the output's path is taken by something that may not be replaced, or the disk has not enough space.
  package func check(_ path: String, replaces: Bool) throws(ExportError) {
    if plan.options.format.isFolder {
      try checkFolder(path, replaces: replaces)
    } else {
      do throws(FileFailure) { try AtomicFile.checkKind(path) } catch {
        throw .unwritable(path: path, reason: error.reasonAndRemedy)
      }
    }
    let needed = plan.tensorBytes + Self.spareBytes
    guard let available = DiskSpace.availableBytes(forFile: path), available < needed else { return }
    throw .diskSpace(path: path, needed: ByteText.of(needed), available: ByteText.of(available))
  }

  /// For the tokenizer and other small parts.
  private static let spareBytes = 32 << 20

  /// - Parameter progress: called repeatedly with the bytes of tensors written and their total.
  package func write(
    to path: String, replaces: Bool, progress: (_ doneBytes: Int, _ totalBytes: Int) -> Void = { _, _ in }
  ) throws(ExportError) {
    let total = plan.tensorBytes
    if plan.options.format.isFolder {
      try ExportFolder(plan: plan).write(to: path, replaces: replaces) { progress($0, total) }
    } else {
      try GGUFWriter(plan: plan).write(to: path) { progress($0, total) }
    }
  }

  private func checkFolder(_ path: String, replaces: Bool) throws(ExportError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return }
    guard isFolder.boolValue else {
      throw .unwritable(path: path, reason: "a file, where a folder is to be written; choose another path")
    }
    guard !AtomicFolder.entries(of: path).isEmpty else { return }
    guard replaces else {
      throw .unwritable(
        path: path,
        reason: "a folder with files in it; choose another path, or add --force to replace an earlier export")
    }
    try ExportFolder.checkReplaceable(path)
  }
}
