import Foundation
import QuireFiles
import QuireJSON
import QuirePacks

/// Measurements that are kept for later runs, each in a file named by a hash of everything that decides it.
///
///     let store = try ResultStore(folder: "evaluation-results", temporaries: folder)
///     if let value = store.value(key) { … } else { try store.keep(measure(), key) }
///
/// A run that is killed leaves what it has finished, answer by answer; the next run with the same material reads it. The
/// folder may be deleted at any time. Without a folder nothing is kept.
final class ResultStore {
  /// Nil when nothing is kept.
  let folder: String?
  /// Results of earlier runs that this run has used.
  private(set) var usedCount = 0
  private let isFresh: Bool

  /// - Parameter isFresh: whether earlier results are measured again and replaced.
  init(folder: String?, isFresh: Bool) throws(EvaluationError) {
    self.folder = folder
    self.isFresh = isFresh
    guard let folder else { return }
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw Self.unwritable(folder, FileFailure(reason: "a folder that cannot be made"))
    }
  }

  /// The path of a file of the folder.
  func path(_ key: ResultKey, _ ending: String) -> String? {
    folder.map { "\($0)/\(key.fileName)\(ending)" }
  }

  /// The kept result; nil when there is none, or when its file is damaged.
  func value(_ key: ResultKey) -> JSONValue? {
    guard !isFresh, let path = path(key, ".json"), let bytes = try? TextFile.bytes(path: path),
      let file = try? JSONValue.parse(bytes), file["key"]?.stringValue == key.text, let value = file["value"],
      file["checksum"]?.stringValue == Self.checksum(value)
    else { return nil }
    usedCount += 1
    return value
  }

  func keep(_ value: JSONValue, _ key: ResultKey) throws(EvaluationError) {
    guard let path = path(key, ".json") else { return }
    do throws(FileFailure) {
      let file = try AtomicFile(path: path)
      let contents: JSONValue = [
        "key": .string(key.text), "value": value, "checksum": .string(Self.checksum(value)),
      ]
      try file.write(contents.serializedBytes())
      try file.commit()
    } catch {
      throw Self.unwritable(path, error)
    }
  }

  private static func checksum(_ value: JSONValue) -> String {
    value.serializedBytes().withUnsafeBytes { ContentHash.hexadecimal(ContentHash.of($0)) }
  }

  /// A log of parts of a result that takes long; its file is removed by `ResultLog.finish`.
  func log(_ key: ResultKey) throws(EvaluationError) -> ResultLog {
    guard let path = path(key, ".log") else { return ResultLog() }
    return try ResultLog(path: path, key: key, isFresh: isFresh)
  }

  static func unwritable(_ path: String, _ failure: FileFailure) -> EvaluationError {
    .unusableFile(
      "expected to keep results in \(path), found: \(failure.reason); "
        + failure.remedy(choosing: "write the report into another folder"))
  }
}

/// Parts of a result, written one by one.
final class ResultLog {
  /// The parts that earlier runs and this one have written, in the order of writing.
  private(set) var parts: [JSONValue] = []
  private let path: String?
  private let journal: LineJournal?

  /// A log that is not kept.
  init() {
    path = nil
    journal = nil
  }

  fileprivate init(path: String, key: ResultKey, isFresh: Bool) throws(EvaluationError) {
    self.path = path
    do throws(FileFailure) {
      let journal = try LineJournal(path: path)
      let contents = try journal.contents()
      if !isFresh, contents.key == key.text {
        parts = contents.lines.map(\.value)
        try journal.cut(after: contents.lines.last?.end ?? contents.keyEnd)
      } else {
        try journal.restart(key: key.text)
      }
      self.journal = journal
    } catch {
      throw ResultStore.unwritable(path, error)
    }
  }

  func append(_ part: JSONValue) throws(EvaluationError) {
    do throws(FileFailure) { try journal?.append(part) } catch {
      throw ResultStore.unwritable(path ?? "", error)
    }
    parts.append(part)
  }

  /// Removes the log, whose result is kept as a whole.
  func finish() { journal?.isKept = false }
}
