package import QuireFiles
package import QuireTensors

/// The hidden states of token windows between two layers, in a file: 1 GiB for 64 windows of 1,024 tokens of an 8B
/// model, more than everything else that a conversion holds.
///
/// A file with a path is kept for a later run until it is removed, and has two sets of states after a `beginning` by which
/// it is told from other files. `advance` reads one set and writes the other, so that the states before a layer exist until
/// the layer is finished: a run that is killed resumes from them.
package final class HiddenStates {
  /// Number of layers that have been applied to the states.
  package private(set) var boundary: Int
  private let file: ScratchFile
  private let isTemporary: Bool
  private let counts: [Int]  // floats of each window
  private let offsets: [Int]  // bytes from a set's start to each window, and its end
  /// Bytes before the first set.
  private let headBytes: Int
  private let setCount: Int
  /// The number of windows, from the first on, that have states at the boundary.
  package private(set) var filledCount: Int
  /// The number of windows after those that already have states at the next boundary.
  private var comingCount = 0
  /// Whether the set being written has the newest states: those between the halves of a layer.
  private var isHalfway = false

  /// The file cannot be written or read.
  package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    package let path: String
    package let isTemporary: Bool
    /// What was found and how to correct it.
    package let reason: String

    package var description: String { "expected to write \(path), found: \(reason)" }
  }

  /// How every file with a path begins.
  package static let beginning = FileBeginning.bytes(head)
  private static let head = Array("quire hidden states of a text  \n".utf8)

  /// - Parameters:
  ///   - counts: floats of each window
  ///   - path: nil for an anonymous temporary file
  ///   - boundary: number of layers that have been applied to the states in the file
  ///   - filledCount: windows that have states in the file
  ///   - canRewind: whether a temporary file has two sets too
  package init(
    counts: [Int], path: String?, boundary: Int = 0, filledCount: Int = 0, canRewind: Bool = false
  ) throws(Failure) {
    self.counts = counts
    self.boundary = boundary
    self.filledCount = filledCount
    setCount = canRewind || path != nil ? 2 : 1
    headBytes = path == nil ? 0 : Self.head.count
    offsets = counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1 * MemoryLayout<Float>.stride) }
    do throws(FileFailure) {
      file = if let path { try ScratchFile(path: path) } else { try ScratchFile() }
      if path != nil, filledCount == 0 { try file.write(Self.head, at: 0) }
    } catch {
      throw Failure(
        path: path ?? "a temporary file", isTemporary: path == nil, reason: error.reasonAndRemedy)
    }
    isTemporary = path == nil
    file.keeps = true
  }

  private var setBytes: Int { offsets[counts.count] }

  /// Writes the next window's states at the boundary.
  package func append(_ scratch: HostBuffer<Float>) throws(Failure) {
    precondition(comingCount == 0, "windows come in order")
    try store(scratch, filledCount, set: boundary)
    filledCount += 1
  }

  /// Writes the next window's states at the next boundary; the others are advanced to it later.
  package func appendAhead(_ scratch: HostBuffer<Float>) throws(Failure) {
    try store(scratch, filledCount + comingCount, set: boundary + 1)
    comingCount += 1
  }

  /// Reads the newest states of a window into `scratch`.
  package func load(_ window: Int, into scratch: HostBuffer<Float>) throws(Failure) {
    try load(window, floats: 0..<counts[window], into: scratch)
  }

  /// Reads a part of them, which may extend into the following windows.
  package func load(
    _ window: Int, floats: Range<Int>, into scratch: HostBuffer<Float>
  ) throws(Failure) {
    let stride = MemoryLayout<Float>.stride
    let target = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes.prefix(stride * floats.count))
    let start = offset(window, set: isHalfway ? boundary + 1 : boundary) + stride * floats.lowerBound
    try access { () throws(FileFailure) in try file.read(at: start, into: target) }
  }

  /// Advances all windows with states by half a layer, or by the rest of it: `transform` changes `scratch`.
  package func advance(
    _ scratch: HostBuffer<Float>, endsLayer: Bool, _ transform: (_ window: Int) -> Void
  ) throws(Failure) {
    for window in 0..<filledCount {
      try load(window, into: scratch)
      transform(window)
      try store(scratch, window, set: boundary + 1)
    }
    isHalfway = !endsLayer
    if endsLayer {
      boundary += 1
      filledCount += comingCount
      comingCount = 0
    }
  }

  /// Returns to the states before the last layer. Precondition: no further layer has been started.
  package func rewind(to boundary: Int) {
    precondition(
      0...1 ~= self.boundary - boundary && (setCount == 2 || boundary == self.boundary && !isHalfway),
      "only the newest layer's first states are still there")
    self.boundary = boundary
    isHalfway = false
  }

  /// The hash of the states at the boundary, after syncing them to disk.
  package func seal() throws(Failure) -> UInt64 {
    try access { () throws(FileFailure) in try file.synchronize() }
    return try hash()
  }

  /// The hash of the states at the boundary. Throws when the file is too short.
  package func hash() throws(Failure) -> UInt64 {
    let byteCount = offsets[filledCount]
    let chunk = HostBuffer<UInt8>(count: min(byteCount, 4 << 20))
    var hash = ContentHash()
    for start in stride(from: 0, to: byteCount, by: max(1, chunk.count)) {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk.bytes.prefix(byteCount - start))
      try access { () throws(FileFailure) in try file.read(at: offset(0, set: boundary) + start, into: part) }
      hash.update(UnsafeRawBufferPointer(part))
    }
    return hash.value
  }

  private func store(_ scratch: HostBuffer<Float>, _ window: Int, set: Int) throws(Failure) {
    let bytes = UnsafeRawBufferPointer(
      rebasing: scratch.bytes.prefix(MemoryLayout<Float>.stride * counts[window]))
    try access { () throws(FileFailure) in try file.write(bytes, at: offset(window, set: set)) }
  }

  private func offset(_ window: Int, set: Int) -> Int {
    headBytes + set % setCount * setBytes + offsets[window]
  }

  private func access(_ body: () throws(FileFailure) -> Void) throws(Failure) {
    do throws(FileFailure) { try body() } catch {
      guard isTemporary else {
        throw Failure(path: file.path, isTemporary: false, reason: error.reasonAndRemedy)
      }
      let remedy = error.remedy(choosing: "set TMPDIR to a folder on another disk")
      throw Failure(
        path: "a temporary file in \(ScratchFile.temporaryFolder)", isTemporary: true,
        reason: "\(error.reason); \(remedy)")
    }
  }
}
