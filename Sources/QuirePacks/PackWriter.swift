import QuireFiles
import QuireJSON
package import QuireTensors

/// Writes a pack tensor by tensor, in memory that does not grow with it.
///
///     let writer = try PackWriter(path: "model.quire", team: team)
///     try writer.addTensor(name: name, shape: [rows, columns], scheme: "int4", group: 128, streams: streams)
///     try writer.finish(manifest: manifest)
///
/// The pack appears under its name at `finish`; before that it is a temporary beside it, which disappears with
/// a writer that was not finished. With a `resumeKey` it stays instead once a part of it is whole, and a later writer
/// of the same key resumes after its last whole part. One thread at a time.
package final class PackWriter {
  package let path: String
  /// What the pack holds so far, after resuming also what an earlier run wrote.
  package private(set) var tensors: [PackTensor] = []
  /// What `endPart` was given, part by part, also by the earlier run.
  package private(set) var notes: [String] = []
  /// The key of an unfinished pack that was in the way and had to go.
  package let discardedKey: String?

  private let file: AtomicFile
  private let journal: PackJournal?
  private let resumeKey: String?
  private let frameWriter: FrameWriter
  private var names: Set<String> = []
  /// Finished, or broken by a failed write: nothing can be added.
  private var isClosed = false

  /// Starts a pack at `path`.
  ///
  /// - Parameters:
  ///   - team: threads that compress; nil for the caller alone. The bytes written do not depend on it.
  ///   - resumeKey: everything that decides the contents (say, a hash of sources and recipe); a temporary of
  ///     another key is discarded.
  package init(path: String, team: ThreadTeam? = nil, resumeKey: String? = nil) throws(PackError) {
    self.path = path
    self.resumeKey = resumeKey
    do throws(FileFailure) {
      file = try AtomicFile(path: path, resumes: resumeKey != nil)
      // Until the journal has been read, what an earlier run has left is not ours to remove.
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
        try PackJournal.discard(beside: path)
      }
      if file.byteCount == 0 { try frameWriter.writeHead() }
    } catch {
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
  }

  /// Starts a pack at `path` with all tensors of `pack`, whose frames are copied as they are: the way to change
  /// a manifest.
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

  /// Compresses and appends a tensor. Its streams must be those that `PackSchema` wants, in that order.
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

  /// Ends a part, which a later writer of the same key will find whole together with `note`.
  ///
  /// - Parameter synchronizes: brings it to the disk too, so that it also outlasts a loss of power.
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

  /// Forgets all parts, those of the earlier run too: the pack starts afresh.
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

  /// Whether an unfinished pack stays for a later run when the writer goes; so once a part of it is whole, unless
  /// the caller knows that no later run can use it.
  package var keepsUnfinished: Bool {
    get { file.keepsTemporary }
    set {
      file.keepsTemporary = newValue
      journal?.isKept = newValue
    }
  }

  /// Writes the manifest and brings the pack under its name.
  ///
  /// - Parameters:
  ///   - manifest: what the pack says beside its tensors.
  ///   - shapes: the tensors that the pack must have, and no others, by name; nil checks nothing.
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

  /// What a reader would refuse must not be written.
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
