import QuireFiles
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

  private let file: AtomicFile
  private let journal: PackJournal?
  private let resumeKey: String?
  private let frameWriter: FrameWriter
  private var names: Set<String> = []
  /// Finished, or failed in a write: nothing can be added.
  private var isClosed = false

  /// Starts a pack at `path`.
  ///
  /// - Parameters:
  ///   - team: threads that compress; nil: only the calling thread. The bytes written do not depend on it.
  ///   - resumeKey: everything that decides the contents (say, a hash of sources and recipe); a temporary of
  ///     another key is discarded.
  package init(path: String, team: ThreadTeam? = nil, resumeKey: String? = nil) throws(PackError) {
    self.path = path
    self.resumeKey = resumeKey
    do throws(FileFailure) {
      file = try AtomicFile(path: path, resumes: resumeKey != nil)
      // Until the journal has been read, the files of an earlier run must not be removed.
      file.keepsTemporary = resumeKey != nil
      frameWriter = try FrameWriter(file: file, team: team)
      if let resumeKey {
        let journal = try PackJournal(path: path)
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
    journal = nil
    resumeKey = nil
    discardedKey = nil
    do throws(FileFailure) {
      file = try AtomicFile(path: path)
      frameWriter = try FrameWriter(file: file, team: nil)
      try frameWriter.copy(pack)
    } catch {
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
    tensors = pack.tensors
    names = Set(tensors.map(\.name))
  }

  /// Compresses and appends a tensor. Its streams must be those that `PackSchema` requires, in that order.
  package func addTensor(
    name: String, shape: [Int], scheme: String, group: Int?, streams: [PackStream]
  ) throws(PackError) {
    precondition(!isClosed, "the pack is finished or a write has failed")
    precondition((1...PackLayout.nameBytesMax).contains(name.utf8.count), "a tensor has a name")
    precondition(names.insert(name).inserted, "tensor \(name) is in the pack already")
    switch PackSchema.streams(shape: shape, scheme: scheme, group: group) {
    case .failure(let misfit): preconditionFailure("tensor \(name) has \(misfit.found)")
    case .success(let expected):
      precondition(
        expected == streams.map { .init(kind: $0.kind, rawBytes: $0.bytes.count) },
        "tensor \(name) needs the streams \(expected)")
    }
    do throws(FileFailure) {
      let firstFrame = frameWriter.entries.count
      var stored: [PackTensor.Stream] = []
      for stream in streams { stored.append(try frameWriter.store(stream)) }
      let tensor = PackTensor(name: name, shape: shape, scheme: scheme, group: group, streams: stored)
      tensors.append(tensor)
      try journal?.append(tensor, newFrames: frameWriter.entries[firstFrame...])
    } catch {
      isClosed = true
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
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

  /// Writes the manifest and moves the pack to its name.
  ///
  /// - Parameters:
  ///   - manifest: its members other than the tensors.
  ///   - shapes: the tensors that the pack must have, and no others, by name; nil: not checked.
  package func finish(manifest: PackManifest, shapes: [String: [Int]]? = nil) throws(PackError) {
    precondition(!isClosed, "the pack is finished or a write has failed")
    if let shapes, let misfit = tensors.misfit(to: shapes) {
      throw .incompleteModel(path: path, found: misfit)
    }
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

  /// Data that a reader would refuse must not be written.
  private func checkLimits(manifestBytes: Int) throws(PackError) {
    func check(_ what: String, _ number: Int, atMost limit: Int) throws(PackError) {
      guard number > limit else { return }
      throw .unwritable(
        path: path, reason: "\(what) of \(number), more than \(limit); convert a smaller model or recipe")
    }
    try check("a manifest", manifestBytes, atMost: PackLayout.manifestRawBytesMax)
    try check("a number of tensors", tensors.count, atMost: PackLayout.tensorCountMax)
    let rawBytes = CheckedCount.sum(tensors.flatMap { $0.streams.map(\.rawBytes) }).value ?? .max
    try check("tensors", rawBytes, atMost: PackLayout.totalRawBytesMax(fileBytes: file.byteCount))
  }
}
