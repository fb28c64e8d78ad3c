import QuireFiles
import Foundation
import QuireTensors
import Synchronization

/// The hash of a source file, for the provenance of what is made from it.
package struct SourceHash: Sendable, Equatable {
  package enum Algorithm: String, Sendable {
    /// XXH64 of the whole file.
    case file = "xxh64"
    /// XXH64 of hashes, eight bytes little-endian each: that of the bytes before the first tensor, then that of
    /// each tensor in the order of the file. So tensors can be hashed in the order in which they are used.
    case tensors = "xxh64-of-tensors"
  }

  /// Path of the file within the checkpoint's folder: "model.safetensors".
  package let file: String
  package let byteCount: Int
  package let algorithm: Algorithm
  /// 16 hexadecimal digits.
  package let hash: String
}

/// The hashes of tensors that have been read, by name. Safe to use from any thread.
package final class TensorHashes: Sendable {
  private struct State {
    var all: [String: UInt64] = [:]
    var fresh: [String: UInt64] = [:]
  }

  private let state = Mutex(State())

  package init() {}

  package func note(_ name: String, _ hash: UInt64) {
    state.withLock { state in
      state.all[name] = hash
      state.fresh[name] = hash
    }
  }

  /// Adds the hashes recorded by an earlier run.
  package func adopt(_ hashes: [String: UInt64]) { state.withLock { $0.all.merge(hashes) { $1 } } }

  /// Hashes recorded since the last call.
  package func takeFresh() -> [String: UInt64] {
    state.withLock { state in
      defer { state.fresh = [:] }
      return state.fresh
    }
  }

  package var all: [String: UInt64] { state.withLock { $0.all } }
}

extension Checkpoint {
  /// The hash of every file of the checkpoint that exists.
  ///
  /// - Parameters:
  ///   - known: hashes of tensors that have already been read; all others are read, which takes about a second per
  ///     5 GB in the page cache, otherwise as long as the disk needs.
  ///   - progress: called repeatedly with the bytes of weights done and their total.
  package func sourceHashes(
    known: [String: UInt64] = [:], progress: ((_ doneBytes: Int, _ totalBytes: Int) -> Void)? = nil
  ) throws(CheckpointError) -> [SourceHash] {
    var hashes: [SourceHash] = []
    for path in try companionPaths() {
      let (bytes, hash) = try Self.hash(path)
      hashes.append(
        SourceHash(
          file: PathText.name(of: path), byteCount: bytes, algorithm: .file,
          hash: ContentHash.hexadecimal(hash)))
    }
    hashes += try adapterHashes()
    let total = files.reduce(0) { $0 + $1.byteCount }
    var done = 0
    for file in files {
      let start = done
      let hash = try file.hash(known: known) { progress?(start + $0, total) }
      done += file.byteCount
      progress?(done, total)
      hashes.append(
        SourceHash(
          file: fileName(of: file.path), byteCount: file.byteCount, algorithm: .tensors,
          hash: ContentHash.hexadecimal(hash)))
    }
    return hashes
  }

  /// The hashes of the files that hold weights, as `sourceHashes` has them: all weights are read.
  package func weightHashes() throws(CheckpointError) -> [SourceHash] {
    let companions = Set(CompanionFile.allCases.map(\.name))
    return try sourceHashes().filter { !companions.contains($0.file) && !$0.file.hasSuffix(".json") }
  }

  /// Name, size and modification time of every file of the checkpoint: distinguishes checkpoints without reading
  /// them.
  package func fileStamps() throws(CheckpointError) -> String {
    try (companionPaths() + weightFiles).map { path in
      // Follows links: shards in a download cache are links to their contents.
      let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
      let attributes = try? FileManager.default.attributesOfItem(atPath: file)
      let changed = (attributes?[.modificationDate] as? Date)?.timeIntervalSinceReferenceDate ?? 0
      return "\(fileName(of: path)) \(attributes?[.size] as? Int ?? 0) \(changed)"
    }.joined(separator: "\n")
  }

  /// The path of a file within the checkpoint's folder; of a GGUF file its name.
  private func fileName(of path: String) -> String {
    let start = folder.hasSuffix("/") ? folder : folder + "/"
    return path.hasPrefix(start) ? String(path.dropFirst(start.count)) : PathText.name(of: path)
  }

  /// Bytes of all files: the weights and the companion files.
  package func fileBytes() throws(CheckpointError) -> Int {
    var total = files.reduce(0) { $0 + $1.byteCount }
    for path in try companionPaths() + adapters.flatMap(\.paths) {
      do throws(FileFailure) { total += try InputFile(path: path).byteCount } catch {
        throw .unreadable(path: path, reason: error.reason)
      }
    }
    return total
  }

  /// None for a GGUF file, which contains everything.
  private func companionPaths() throws(CheckpointError) -> [String] {
    if isFile { return [] }
    let source = try CheckpointFolder(path: folder)
    var paths: [String] = []
    for file in CompanionFile.allCases where try source.has(file.name) {
      paths.append(source.path(file.name))
    }
    return paths
  }

  /// Size and hash of a small file.
  static func hash(_ path: String) throws(CheckpointError) -> (byteCount: Int, hash: UInt64) {
    do throws(FileFailure) {
      let file = try InputFile(path: path)
      let contents = HostBuffer<UInt8>(count: file.byteCount)
      try file.read(at: 0, into: contents.bytes)
      return (file.byteCount, ContentHash.of(UnsafeRawBufferPointer(contents.bytes)))
    } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
  }
}

extension TensorFile {
  /// The hash of header and tensors; tensors whose hash is not known are read.
  fileprivate func hash(
    known: [String: UInt64], progress: (_ doneBytes: Int) -> Void
  ) throws(CheckpointError) -> UInt64 {
    var hash = ContentHash()
    func add(_ part: UInt64) { withUnsafeBytes(of: part.littleEndian) { hash.update($0) } }
    add(try headerHash())
    for record in records {
      if let part = known[record.name] {
        add(part)
      } else {
        add(try self.hash(record.range))
        progress(record.range.upperBound)
      }
    }
    return hash.value
  }
}
