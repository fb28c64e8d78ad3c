import Foundation
import QuireConversion
import QuireFiles

/// A folder for temporary packs, deleted when its last reference is released.
final class WorkFolder: Sendable {
  let path: String

  init(inside parent: String?) throws(EvaluationError) {
    let parent = parent ?? FileManager.default.temporaryDirectory.path
    path = parent + "/quire-evaluation-" + UUID().uuidString
    let path = path
    do {
      try DisposableFiles.add(path) {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      }
    } catch {
      throw .unusableFile(
        "expected a folder for temporary packs at \(parent), found none that can be written to; "
          + "set TMPDIR to another folder")
    }
  }

  /// A failed conversion to a pack of this folder. Which folder that is may be news to the user.
  func failure(_ error: ConversionError) -> EvaluationError {
    let sentence = error.description
    return .conversion(sentence + (sentence.contains(path) ? "; TMPDIR may name another folder" : ""))
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
    DisposableFiles.forget(path)
  }
}
