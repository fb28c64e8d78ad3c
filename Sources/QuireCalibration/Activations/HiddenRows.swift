import QuireModel
import QuireCheckpoints
import QuireFiles
package import QuireTensors

/// The hidden rows of all calibration windows between two layers, in a file: 1 GiB for 64 windows of 1,024 tokens
/// of an 8B model, more than everything else that a conversion holds. A survey keeps its copies of rows so, too.
///
/// A file that a later run may need has room for two sets. `advance` reads one and writes the other, so that the rows
/// that a layer began with are there until it is finished: a run that is killed goes on from them.
package final class HiddenRows {
  /// Layers that the rows have been through.
  private(set) var boundary: Int
  private let file: ScratchFile
  private let counts: [Int]  // floats of each window
  private let offsets: [Int]  // bytes from a set's start to each window, and its end
  private let setCount: Int
  /// The windows, first of all, that have rows at the boundary.
  private(set) var filledCount: Int
  /// Windows behind those that will have rows at the next boundary.
  private var comingCount = 0
  /// Whether the set that is being written has the newest rows already: those between the halves of a layer.
  private var isHalfway = false

  /// The file of rows beside the pack at `path`.
  package static func path(beside path: String) -> String { path + ".rows.partial" }
  /// The same for the rows that take the checkpoint's own layers.
  package static func referencePath(beside path: String) -> String { path + ".reference.partial" }

  /// - Parameters:
  ///   - counts: floats of each window
  ///   - path: nil for a file that nobody else can see
  ///   - boundary: layers that the rows in the file have been through
  ///   - filledCount: windows that have rows in the file
  ///   - canRewind: whether there are two sets even in a file that no later run can find
  package init(
    counts: [Int], path: String?, boundary: Int = 0, filledCount: Int = 0, canRewind: Bool = false
  ) throws(CalibrationError) {
    self.counts = counts
    self.boundary = boundary
    self.filledCount = filledCount
    setCount = Self.setCount(isKept: canRewind || path != nil)
    offsets = counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1 * MemoryLayout<Float>.stride) }
    do throws(FileFailure) {
      file = if let path { try ScratchFile(path: path) } else { try ScratchFile() }
    } catch {
      throw .scratch(path: path ?? "a temporary file", reason: error.reasonAndRemedy)
    }
  }

  /// Whether the file outlives this object, for a later run.
  package var isKept: Bool {
    get { file.keeps }
    set { file.keeps = newValue }
  }

  /// How many times the file holds the rows.
  static func setCount(isKept: Bool) -> Int { isKept ? 2 : 1 }

  private var setBytes: Int { offsets[counts.count] }

  /// Writes the next window's rows as they are at the boundary.
  package func append(_ scratch: HostBuffer<Float>) throws(CalibrationError) {
    precondition(comingCount == 0, "windows come in order")
    try store(scratch, filledCount, set: boundary)
    filledCount += 1
  }

  /// Writes the next window's rows as they will be at the next boundary: the others are still to be advanced to it.
  package func appendAhead(_ scratch: HostBuffer<Float>) throws(CalibrationError) {
    try store(scratch, filledCount + comingCount, set: boundary + 1)
    comingCount += 1
  }

  /// Reads the newest rows of a window into `scratch`.
  package func load(_ window: Int, into scratch: HostBuffer<Float>) throws(CalibrationError) {
    let target = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes.prefix(4 * counts[window]))
    try access { () throws(FileFailure) in
      try file.read(at: place(window, set: isHalfway ? boundary + 1 : boundary), into: target)
    }
  }

  /// Takes the rows of every window that has some through half a layer, or through what is left of it: `transform`
  /// changes `scratch`.
  package func advance(
    _ scratch: HostBuffer<Float>, endsLayer: Bool, _ transform: (_ window: Int) -> Void
  ) throws(CalibrationError) {
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

  /// Goes back to the rows that a layer began with. Precondition: no layer has been begun since.
  func rewind(to boundary: Int) {
    precondition(
      0...1 ~= self.boundary - boundary && (setCount == 2 || boundary == self.boundary && !isHalfway),
      "only the newest layer's first rows are still there")
    self.boundary = boundary
    isHalfway = false
  }

  /// The hash of the rows at the boundary, once they are on the disk.
  package func seal() throws(CalibrationError) -> UInt64 {
    try access { () throws(FileFailure) in try file.synchronize() }
    return try hash()
  }

  /// The hash of the rows at the boundary. Throws when the file does not hold so many.
  func hash() throws(CalibrationError) -> UInt64 {
    let byteCount = offsets[filledCount]
    let chunk = HostBuffer<UInt8>(count: min(byteCount, 4 << 20))
    var hash = ContentHash()
    for start in stride(from: 0, to: byteCount, by: max(1, chunk.count)) {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk.bytes.prefix(byteCount - start))
      try access { () throws(FileFailure) in try file.read(at: place(0, set: boundary) + start, into: part) }
      hash.update(UnsafeRawBufferPointer(part))
    }
    return hash.value
  }

  private func store(
    _ scratch: HostBuffer<Float>, _ window: Int, set: Int
  ) throws(CalibrationError) {
    let bytes = UnsafeRawBufferPointer(rebasing: scratch.bytes.prefix(4 * counts[window]))
    try access { () throws(FileFailure) in try file.write(bytes, at: place(window, set: set)) }
  }

  private func place(_ window: Int, set: Int) -> Int { set % setCount * setBytes + offsets[window] }

  private func access(_ body: () throws(FileFailure) -> Void) throws(CalibrationError) {
    do throws(FileFailure) { try body() } catch {
      throw .scratch(path: file.path, reason: error.reasonAndRemedy)
    }
  }
}
