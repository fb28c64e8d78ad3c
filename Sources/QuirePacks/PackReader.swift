import QuireFiles
import QuireTensors
import Synchronization

/// A pack that is open for reading.
///
///     let pack = try PackReader(path: "model.quire")
///     let tensor = pack.tensor("model.norm.weight")
///     try pack.read("model.norm.weight", stream: .bf16, into: buffer)
///
/// Everything that can be checked without decompressing weights is checked on opening; contents are checked against
/// their frame's checksum as they are read, and against everything else by `verify`. All methods may be called by
/// many threads at once. To divide one stream over threads see `frames(of:)`.
package final class PackReader: Sendable {
  package let path: String
  package let fileBytes: Int
  /// The manifest's other members.
  package let manifest: PackManifest
  /// In the order in which they were written.
  package let tensors: [PackTensor]
  /// The pack that a delta pack takes tensors from; nil for a whole pack.
  package let parent: PackReader?
  /// Where the parent was found, for the user, where that is another place than the user gave.
  package let parentNotice: String?

  let file: InputFile
  let frames: FrameTable
  private let indexOfName: [String: Int]
  /// Decoders that no thread is using.
  private let idleDecoders = Mutex<[FrameDecoder]>([])
  /// What is needed to read stored differences, of the tensors read last.
  let recentDifferences = RecentDifferences()

  /// Opens and validates the pack at `path`, or on the standard input for `-`, and the parent of a delta pack.
  ///
  /// - Parameter parents: where to look for the parent; nil: where the program's user says.
  package convenience init(path: String, parents: ParentSearch? = nil) throws(PackError) {
    self.init(try PackOpening(path: path, parents: parents ?? ParentSearch.standard))
  }

  /// Opens a pack that is no delta pack.
  package convenience init(wholePackAt path: String) throws(PackError) {
    self.init(try PackOpening(path: path, parents: nil))
  }

  private init(_ opening: PackOpening) {
    path = opening.path
    parent = opening.parent
    parentNotice = opening.parentNotice
    file = opening.file
    fileBytes = opening.file.byteCount
    frames = opening.frames
    manifest = opening.manifest
    tensors = opening.tensors
    indexOfName = Dictionary(uniqueKeysWithValues: opening.tensors.enumerated().map { ($1.name, $0) })
  }

  package func tensor(_ name: String) -> PackTensor? { indexOfName[name].map { tensors[$0] } }

  /// Decompresses a whole stream into `target`, whose size must be the stream's `rawBytes`.
  package func read(
    _ name: String, stream kind: PackStreamKind, into target: UnsafeMutableRawBufferPointer
  ) throws(PackError) {
    guard let stream = tensor(name)?.stream(kind) else {
      throw .missing(path: path, name: "the \(kind.rawValue) of tensor \"\(name)\"")
    }
    precondition(target.count == stream.rawBytes, "the target has the stream's size")
    for frame in frames(of: stream) {
      try readFrame(frame, into: UnsafeMutableRawBufferPointer(rebasing: target[frame.range]))
    }
  }

  /// The frames of a stream of this pack. They are independent: threads may read them in any order, each into
  /// its `range` of the stream's memory.
  package func frames(of stream: PackTensor.Stream) -> [PackFrame] {
    (0..<stream.frameCount).map { frame(at: $0, of: stream) }
  }

  /// The frame at `position` of a stream of this pack, which has `frameCount` of them.
  package func frame(at position: Int, of stream: PackTensor.Stream) -> PackFrame {
    let start = position * stream.frameBytes
    return PackFrame(
      index: stream.firstFrame + position, source: stream.source, joinsBrainFloats: stream.kind == .bf16,
      range: start..<min(start + stream.frameBytes, stream.rawBytes))
  }

  /// Decompresses one frame into `target`, whose size must be that of `frame.range`.
  package func readFrame(
    _ frame: PackFrame, into target: UnsafeMutableRawBufferPointer
  ) throws(PackError) {
    let decoder = try takeDecoder()
    defer { giveBack(decoder) }
    try readFrame(frame, into: target, with: decoder)
  }

  /// As `readFrame`, but also leaves the compressed frame in `decoder.packed`.
  func readFrame(
    _ frame: PackFrame, into target: UnsafeMutableRawBufferPointer, with decoder: FrameDecoder
  ) throws(PackError) {
    precondition(target.count == frame.range.count, "the target has the frame's size")
    let owner = frame.source == .parent ? parent ?? self : self
    let range = owner.frames.bytes(of: frame.index)
    do throws(FileFailure) {
      try decoder.load(range, read: owner.file.read)
    } catch {
      throw .unreadable(path: owner.path, reason: error.reason)
    }
    if let fault = decoder.unpack(into: target, joinsBrainFloats: frame.joinsBrainFloats) {
      throw .damaged(path: owner.path, part: "frame \(frame.index)", found: fault)
    }
    if case .difference(let tensor) = frame.source {
      try differences(ofTensor: tensor).apply(.add, to: target, of: frame.range)
    }
  }

  func takeDecoder() throws(PackError) -> FrameDecoder {
    if let idle = idleDecoders.withLock({ $0.popLast() }) { return idle }
    do throws(FileFailure) {
      return try FrameDecoder()
    } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
  }

  func giveBack(_ decoder: FrameDecoder) {
    idleDecoders.withLock { $0.append(decoder) }
  }
}
