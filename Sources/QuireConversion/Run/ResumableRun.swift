import QuireCalibration
import QuireFiles
import QuireModel
import QuireOptimization

/// What conversion and survey share as resumable runs: deciding whether the files of an earlier run can be used,
/// and which files to keep.
///
/// Each finished part of the work is noted (`keep`), and the next run finds the notes of a stopped one. The hidden
/// states are kept with the notes, because later layers cannot be computed without them.
struct ResumableRun {
  let work: RunStart.Work
  let unfinished: UnfinishedFiles
  /// The files of this work, and those of earlier work that are only kept for it.
  let parts: [UnfinishedFiles.Part]
  var basis: [UnfinishedFiles.Part] = []

  /// - Parameters:
  ///   - discardedKey: the key of other work whose unfinished files were discarded
  ///   - noted: layers done according to the newest note of the same work; nil without a note
  ///   - isReadable: whether all notes have the form that this program writes
  ///   - resume: restores the hidden states that belong to the note; false when they are lost
  func start(
    key: ConversionKey, discardedKey: String?, noted: Int?, isReadable: Bool = true,
    resume: () throws(ConversionError) -> Bool
  ) throws(ConversionError) -> RunStart {
    let start = try judge(discardedKey, noted: noted, isReadable: isReadable, resume: resume, key: key)
    if case .layers = start.found { unfinished.keep(parts) } else { unfinished.dispose(parts) }
    return start
  }

  private func judge(
    _ discardedKey: String?, noted: Int?, isReadable: Bool, resume: () throws(ConversionError) -> Bool,
    key: ConversionKey
  ) throws(ConversionError) -> RunStart {
    if let discardedKey {
      return RunStart(work, .useless(reason: "is of another \(key.differences(from: discardedKey))"))
    }
    guard let noted else { return RunStart(work, .nothing) }
    guard isReadable else {
      return RunStart(work, .useless(reason: "has notes that this program does not understand"))
    }
    guard try resume() else { return RunStart(work, .useless(reason: "has lost its hidden states")) }
    return RunStart(work, .layers(noted))
  }

  /// Keeps the notes after this run.
  func keep() { unfinished.keep(parts) }

  /// Performs the remaining work. When it fails, the files to resume from are kept, unless the error would occur
  /// again.
  func perform<Outcome>(
    _ body: () throws(ConversionError) -> Outcome
  ) throws(ConversionError) -> Outcome {
    do throws(ConversionError) {
      return try body()
    } catch {
      if !error.canBeMended {
        unfinished.dispose(parts)
        unfinished.remove(basis)
      }
      unfinished.settle(parts)
      throw error
    }
  }
}

extension ConversionError {
  /// Whether another run may get further with the same checkpoint and recipe: after disk space has been freed, or a
  /// file can be read again.
  var canBeMended: Bool {
    switch self {
    case .pack, .scratch, .checkpoint: true
    case .model(let error): error.canBeMended
    case .calibration(let error), .optimization(.calibration(let error)): error.canBeMended
    default: false
    }
  }
}

extension CalibrationError {
  fileprivate var canBeMended: Bool {
    switch self {
    case .scratch, .checkpoint, .statistics: true
    case .model(let error): error.canBeMended
    default: false
    }
  }
}

extension ModelError {
  fileprivate var canBeMended: Bool {
    switch self {
    case .numbers: false
    default: true
    }
  }
}
