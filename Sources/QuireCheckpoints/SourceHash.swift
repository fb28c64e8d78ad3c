import Foundation
import QuireTensors

/// What a file contained, for the provenance of what is made from it.
package struct SourceHash: Sendable, Equatable {
  /// The name of the hash, as provenance gives it.
  package static let algorithm = "xxh64"

  /// Name of the file within the checkpoint's folder.
  package let file: String
  package let byteCount: Int
  /// 16 hexadecimal digits.
  package let hash: String
}

extension Checkpoint {
  /// Files beside the weights that decide what a model does.
  private static let companions = [
    configurationName, generationConfigurationName, indexName, "tokenizer.json", "tokenizer_config.json",
  ]

  /// The hash of every file of the checkpoint that is there. Reads all of them: about a second for each 5 GB
  /// that the system has in memory, otherwise as fast as the disk.
  ///
  /// - Parameter progress: called now and then with bytes read so far and in all.
  package func sourceHashes(
    progress: ((_ doneBytes: Int, _ totalBytes: Int) -> Void)? = nil
  ) throws(CheckpointError) -> [SourceHash] {
    var files: [(path: String, file: InputFile)] = []
    for path in try hashedPaths() { files.append((path, try Self.open(path))) }
    let total = files.reduce(0) { $0 + $1.file.byteCount }
    var done = 0
    var hashes: [SourceHash] = []
    for (path, file) in files {
      let hash = try Self.hash(file, path) { bytes in
        done += bytes
        progress?(done, total)
      }
      let name = path.split(separator: "/").last.map(String.init) ?? path
      hashes.append(SourceHash(file: name, byteCount: file.byteCount, hash: hash.hexadecimal))
    }
    return hashes
  }

  /// Name, size and time of change of every file of the checkpoint: tells another checkpoint from this one without
  /// reading it.
  package func fileStamps() throws(CheckpointError) -> String {
    try hashedPaths().map { path in
      // Through links: shards in a download cache are links to their contents.
      let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
      let attributes = try? FileManager.default.attributesOfItem(atPath: file)
      let changed = (attributes?[.modificationDate] as? Date)?.timeIntervalSinceReferenceDate ?? 0
      return "\(path.split(separator: "/").last ?? "") \(attributes?[.size] as? Int ?? 0) \(changed)"
    }.joined(separator: "\n")
  }

  private func hashedPaths() throws(CheckpointError) -> [String] {
    let source = try CheckpointFolder(path: folder)
    return Self.companions.filter(source.has).map(source.place) + weightFiles
  }

  private static func open(_ path: String) throws(CheckpointError) -> InputFile {
    do throws(FileFailure) {
      return try InputFile(path: path)
    } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
  }

  /// The hash of a whole file. Reads it, where a mapping would count against this process's memory.
  private static func hash(
    _ file: InputFile, _ path: String, advance: (Int) -> Void
  ) throws(CheckpointError) -> ContentHash {
    let chunk = HostBuffer<UInt8>(count: 4 << 20)
    var hash = ContentHash()
    for start in stride(from: 0, to: file.byteCount, by: chunk.count) {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk.bytes.prefix(file.byteCount - start))
      do throws(FileFailure) {
        try file.read(at: start, into: part)
      } catch {
        throw .unreadable(path: path, reason: error.reason)
      }
      hash.update(UnsafeRawBufferPointer(part))
      advance(part.count)
    }
    return hash
  }
}
