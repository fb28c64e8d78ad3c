import QuireTensors

/// The hidden rows of all calibration windows between two layers, in a file: 1 GiB for 64 windows of 1,024 tokens
/// of an 8B model, more than everything else that a conversion holds.
///
/// The file has room for two sets. `advance` reads one and writes the other, so that the rows that a layer began with
/// are there until it is finished: a run that is killed goes on from them.
final class HiddenRows {
  /// Layers that the rows have been through.
  private(set) var boundary: Int
  private let file: ScratchFile
  private let counts: [Int]  // floats of each window
  private let offsets: [Int]  // bytes from a set's start to each window, and its end
  /// Whether the set that is being written has the newest rows already: those between the halves of a layer.
  private var isHalfway = false

  /// The file of rows beside the pack at `path`.
  static func path(beside path: String) -> String { path + ".rows.partial" }

  /// - Parameters:
  ///   - counts: floats of each window
  ///   - path: nil for a file that nobody else can see
  ///   - boundary: layers that the rows in the file have been through
  init(counts: [Int], path: String?, boundary: Int = 0) throws(OptimizationError) {
    self.counts = counts
    self.boundary = boundary
    offsets = counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1 * MemoryLayout<Float>.stride) }
    do throws(FileFailure) {
      file = if let path { try ScratchFile(path: path) } else { try ScratchFile() }
    } catch {
      throw .scratch(path: path ?? "a temporary file", reason: error.reason)
    }
  }

  /// Whether the file outlives this object, for a later run.
  var isKept: Bool {
    get { file.keeps }
    set { file.keeps = newValue }
  }

  /// Bytes on the disk.
  var byteCount: Int { 2 * setBytes }
  private var setBytes: Int { offsets[counts.count] }

  /// Writes the rows that the first layer begins with. `rows` fills a window's.
  func fill(_ scratch: HostBuffer<Float>, _ rows: (_ window: Int) -> Void) throws(OptimizationError) {
    for window in counts.indices {
      rows(window)
      try store(scratch, window, set: boundary)
    }
  }

  /// Reads the newest rows of a window into `scratch`.
  func load(_ window: Int, into scratch: HostBuffer<Float>) throws(OptimizationError) {
    let target = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes.prefix(4 * counts[window]))
    try access { () throws(FileFailure) in
      try file.read(at: place(window, set: isHalfway ? boundary + 1 : boundary), into: target)
    }
  }

  /// Takes every window's rows through half a layer, or through what is left of it: `transform` changes `scratch`.
  func advance(
    _ scratch: HostBuffer<Float>, endsLayer: Bool, _ transform: (_ window: Int) -> Void
  ) throws(OptimizationError) {
    for window in counts.indices {
      try load(window, into: scratch)
      transform(window)
      try store(scratch, window, set: boundary + 1)
    }
    isHalfway = !endsLayer
    if endsLayer { boundary += 1 }
  }

  /// The hash of the rows at the boundary, once they are on the disk.
  func seal() throws(OptimizationError) -> UInt64 {
    try access { () throws(FileFailure) in try file.synchronize() }
    return try hash()
  }

  /// The hash of the rows at the boundary. Throws when the file does not hold so many.
  func hash() throws(OptimizationError) -> UInt64 {
    let chunk = HostBuffer<UInt8>(count: min(setBytes, 4 << 20))
    var hash = ContentHash()
    for start in stride(from: 0, to: setBytes, by: max(1, chunk.count)) {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk.bytes.prefix(setBytes - start))
      try access { () throws(FileFailure) in try file.read(at: place(0, set: boundary) + start, into: part) }
      hash.update(UnsafeRawBufferPointer(part))
    }
    return hash.value
  }

  private func store(
    _ scratch: HostBuffer<Float>, _ window: Int, set: Int
  ) throws(OptimizationError) {
    let bytes = UnsafeRawBufferPointer(rebasing: scratch.bytes.prefix(4 * counts[window]))
    try access { () throws(FileFailure) in try file.write(bytes, at: place(window, set: set)) }
  }

  private func place(_ window: Int, set: Int) -> Int { set % 2 * setBytes + offsets[window] }

  private func access(_ body: () throws(FileFailure) -> Void) throws(OptimizationError) {
    do throws(FileFailure) { try body() } catch { throw .scratch(path: file.path, reason: error.reason) }
  }
}
