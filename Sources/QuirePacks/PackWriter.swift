package import QuireFiles
import QuireJSON
package import QuireTensors

/// Writes a pack tensor by tensor, in a fixed amount of memory.
///
///     let writer = try PackWriter(path: "model.quire", team: team)
///     try writer.addTensor(name: name, shape: [rows, columns], scheme: "int4", group: 128, streams: streams)
///     try writer.finish(manifest: manifest)
///
/// The pack appears under its name at `finish`; before that it is a temporary file next to it, which is deleted
/// with a writer that was not finished. With a `resumeKey` it is kept instead once a part of it is complete, and a
/// later writer with the same key resumes after its last complete part. One thread at a time.
package final class PackWriter {
  package let path: String
  /// The tensors of the pack so far, including those of a resumed run.
  package private(set) var tensors: [PackTensor] = []
  /// The notes given to `endPart`, including those of a resumed run.
  package private(set) var notes: [String] = []
  /// The key of an unfinished pack that was discarded because it belongs to other work.
  package let discardedKey: String?

  /// The pack that this one takes tensors from, if it is to be a delta pack.
  let parent: PackReader?
  private let namedParent: PackParent?
  private let team: ThreadTeam?
  let file: AtomicFile
  private let journal: PackJournal?
  private let resumeKey: String?
  private let frameWriter: FrameWriter
  private var names: Set<String> = []
  /// Finished, or failed in a write: nothing can be added.
  private var isClosed = false

  /// How every pack begins.
  package static let beginning = FileBeginning.bytes(PackLayout.beginning)

  /// The key of the unfinished pack at `path`, if a part of it is complete; nothing is opened for writing.
  package static func unfinishedKey(at path: String) -> String? {
    PackJournal.unfinishedKey(nextTo: path)
  }

  /// Starts a pack at `path`.
  ///
  /// - Parameters:
  ///   - team: threads that compress; nil: only the calling thread. The bytes written do not depend on it.
  ///   - resumeKey: everything that decides the contents (say, a hash of sources and recipe); a temporary of
  ///     another key is discarded.
  ///   - parent: a whole pack; the new one then holds only what differs from it.
  package init(
    path: String, team: ThreadTeam? = nil, resumeKey: String? = nil, parent: PackReader? = nil
  ) throws(PackError) {
    try parent?.checkIsParent(of: path)
    self.path = path
    self.parent = parent
    namedParent = parent.map {
      PackParent(file: PackParent.fileName(of: $0.path), contentsHash: $0.contentsHash)
    }
    self.team = team
    self.resumeKey = resumeKey
    do throws(FileFailure) {
      file = try AtomicFile(path: path, resumes: resumeKey != nil, beginning: Self.beginning)
      // Until the journal has been read, the files of an earlier run must not be removed.
      file.keepsTemporary = resumeKey != nil
      frameWriter = try FrameWriter(file: file, team: team, parent: parent)
      if let resumeKey {
        let journal = try Self.journal(path: path, parent: parent, for: file)
        self.journal = journal
        let progress = try journal.resume(key: resumeKey, file: file)
        frameWriter.adopt(progress)
        tensors = progress.tensors
        names = Set(tensors.map(\.name))
        notes = progress.notes
        discardedKey = progress.discardedKey
        keepsUnfinished = !notes.isEmpty
      } else {
        journal = nil
        discardedKey = nil
        try PackJournal.discard(nextTo: path)
      }
      if file.byteCount == 0 { try frameWriter.writeHead() }
    } catch {
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
  }

  /// Starts a pack at `path` with all tensors of `pack`, whose frames are copied unchanged, in order to change the
  /// manifest.
  package init(path: String, copying pack: PackReader) throws(PackError) {
    self.path = path
    parent = pack.parent
    namedParent = pack.manifest.parent
    team = nil
    journal = nil
    resumeKey = nil
    discardedKey = nil
    do throws(FileFailure) {
      file = try AtomicFile(path: path, beginning: Self.beginning)
      try PackJournal.discard(nextTo: path)
      frameWriter = try FrameWriter(file: file, team: nil, parent: pack.parent)
      try frameWriter.copy(pack)
    } catch {
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
    tensors = pack.tensors
    names = Set(tensors.map(\.name))
  }

  /// Starts a pack in a file without a name, to measure how fast tensors are written. It cannot be finished, and nothing
  /// of it is left even when the process is killed.
  package init(temporary team: ThreadTeam?) throws(PackError) {
    self.team = team
    (parent, namedParent, journal, resumeKey, discardedKey) = (nil, nil, nil, nil, nil)
    do throws(FileFailure) {
      file = try AtomicFile(temporary: ())
      path = file.path
      frameWriter = try FrameWriter(file: file, team: team, parent: nil)
      try frameWriter.writeHead()
    } catch {
      throw .unwritable(path: ScratchFile.temporaryFolder, reason: error.reasonAndRemedy)
    }
  }

  /// Compresses and appends a tensor. Its streams must be those that `PackSchema` requires, in that order.
  package func addTensor(
    name: String, shape: [Int], scheme: String, group: Int?, streams: [PackStream]
  ) throws(PackError) {
    precondition(!isClosed, "the pack is finished or a write has failed")
    precondition((1...PackLayout.nameBytesMax).contains(name.utf8.count), "a tensor has a name")
    precondition(names.insert(name).inserted, "tensor \(name) is in the pack already")
    switch PackSchema.streams(shape: shape, scheme: scheme, group: group) {
    case .failure(let mismatch): preconditionFailure("tensor \(name) has \(mismatch.found)")
    case .success(let expected):
      precondition(
        expected == streams.map { .init(kind: $0.kind, rawBytes: $0.bytes.count) },
        "tensor \(name) needs the streams \(expected)")
    }
    let firstFrame = frameWriter.entries.count
    let tensor = PackTensor(name: name, shape: shape, scheme: scheme, group: group, streams: [])
    do throws(PackError) {
      tensors.append(try store(streams, of: tensor))
    } catch {
      isClosed = true
      throw error
    }
    do throws(FileFailure) {
      try journal?.append(tensors[tensors.count - 1], newFrames: frameWriter.entries[firstFrame...])
    } catch {
      isClosed = true
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
  }

  /// The tensor with its streams, of which those are written that are new.
  private func store(_ streams: [PackStream], of tensor: PackTensor) throws(PackError) -> PackTensor {
    var tensor = tensor
    var stored: [PackTensor.Stream] = []
    for stream in streams {
      let hash = ContentHash.of(stream.bytes)
      if let twin = try frameWriter.twin(of: stream, hash: hash) {
        stored.append(twin)
        continue
      }
      let plan = stream.kind == .codes ? try differencePlan(tensor, streams) : nil
      if let bits = plan?.factorBits {
        let factors = PackStream(kind: .bf16, bytes: UnsafeRawBufferPointer(bits.bytes), rowBytes: 2)
        tensor.factors = try frameWriter.append(factors, hash: ContentHash.of(factors.bytes))
        withExtendedLifetime(bits) {}
      }
      stored.append(
        try frameWriter.append(stream, hash: hash, differences: plan?.differences, tensor: tensors.count))
    }
    return tensor.with(stored)
  }

  private func differencePlan(
    _ tensor: PackTensor, _ streams: [PackStream]
  ) throws(PackError) -> DifferencePlan? {
    guard let parent, let panelBytes = CodeDifferences.panelBytes(tensor) else { return nil }
    let frameBytes = FrameWriter.frameBytes(of: streams[0])
    let least = PackLayout.differenceFrameBytesMin
    guard frameBytes >= streams[0].bytes.count || (frameBytes % panelBytes == 0 && frameBytes >= least) else {
      return nil
    }
    return try DifferencePlan(tensor, streams: streams, parent: parent, team: team)
  }

  /// Ends a part, which a later writer with the same key will find together with `note`.
  ///
  /// - Parameter synchronizes: also syncs it to disk, so that it survives a loss of power.
  package func endPart(note: String, synchronizes: Bool = false) throws(PackError) {
    precondition(!isClosed, "the pack is finished or a write has failed")
    do throws(FileFailure) {
      if synchronizes { try file.synchronize() }
      try journal?.append(note: note)
      if synchronizes { try journal?.synchronize() }
    } catch {
      isClosed = true
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
    notes.append(note)
    keepsUnfinished = journal != nil
  }

  /// Discards all parts, including those of a resumed run.
  package func restart() throws(PackError) {
    precondition(!isClosed, "the pack is finished or a write has failed")
    do throws(FileFailure) {
      if let journal, let resumeKey {
        try journal.restart(key: resumeKey, file: file)
      } else {
        try file.truncate(to: 0)
      }
      frameWriter.adopt(PackJournal.Progress())
      try frameWriter.writeHead()
    } catch {
      isClosed = true
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
    (tensors, names, notes) = ([], [], [])
    keepsUnfinished = false
  }

  /// Whether an unfinished pack is kept for a later run; true once a part is complete, unless the caller knows that
  /// no later run can use it.
  package var keepsUnfinished: Bool {
    get { file.keepsTemporary }
    set {
      file.keepsTemporary = newValue
      journal?.isKept = newValue
    }
  }

  /// Removes the unfinished file again when there can be no journal, for example because its name is longer.
  private static func journal(
    path: String, parent: PackReader?, for file: AtomicFile
  ) throws(FileFailure) -> PackJournal {
    do {
      return try PackJournal(path: path, parent: parent)
    } catch {
      if file.byteCount == 0 { file.keepsTemporary = false }
      throw error
    }
  }

  /// Writes the manifest and moves the pack to its name.
  ///
  /// - Parameters:
  ///   - manifest: its members other than the tensors.
  ///   - shapes: the tensors that the pack must have, and no others, by name; nil: not checked.
  package func finish(manifest: PackManifest, shapes: [String: [Int]]? = nil) throws(PackError) {
    precondition(!isClosed, "the pack is finished or a write has failed")
    if let shapes, let mismatch = tensors.mismatch(to: shapes) {
      throw .incompleteModel(path: path, found: mismatch)
    }
    var manifest = manifest
    manifest.parent = namedParent
    let text = manifest.json(tensors: tensors).serializedBytes()
    try checkLimits(manifestBytes: text.count)
    do throws(FileFailure) {
      try frameWriter.writeEnd(manifest: text)
      try file.commit()
      isClosed = true
      journal?.isKept = false
    } catch {
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
  }
}
