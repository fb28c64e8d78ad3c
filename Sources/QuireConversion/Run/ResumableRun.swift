import QuireCalibration
import QuireFiles
import QuireModel
import QuireOptimization

/// What conversion and survey have in common as runs that can be resumed: how they judge what an earlier run has left,
/// and what they leave themselves.
///
/// A part of the work is noted when it is whole (`keep`); what a stopped run has noted, the next one finds. Hidden states
/// go with the notes: without them later layers cannot be computed.
struct ResumableRun {
  let work: RunStart.Work
  let unfinished: UnfinishedFiles
  /// The files of this work, and those of earlier work that only serve it.
  let parts: [UnfinishedFiles.Part]
  var basis: [UnfinishedFiles.Part] = []

  /// - Parameters:
  ///   - discardedKey: the key of other work that was in the way
  ///   - noted: layers done, as the newest note of the same work says; nil without a note
  ///   - isReadable: whether all notes are such as this program writes
  ///   - resume: takes up the hidden states that belong to the note; false when they are lost
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

  /// What was noted outlasts this run.
  func keep() { unfinished.keep(parts) }

  /// Performs what is left. When it fails, what a later run could resume from stays, unless the error will come again.
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
  /// Whether another run may get further with the same checkpoint and recipe: when there is space, or a file can be
  /// read again.
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
