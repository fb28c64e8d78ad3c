import QuirePacks
import QuireTensors

/// The frames of many streams as one list that threads share, with the target memory of each.
///
/// Jobs are computed, not stored: where tensors share a stream, there are far more jobs than frames in the file.
struct FrameJobs: Sendable {
  private struct Part: Sendable {
    let stream: PackTensor.Stream
    let buffer: HostBuffer<UInt8>
    /// Number of jobs up to and including this stream's.
    let end: Int
  }

  private var parts: [Part] = []

  var count: Int { parts.last?.end ?? 0 }

  mutating func append(_ stream: PackTensor.Stream, into buffer: HostBuffer<UInt8>) {
    parts.append(Part(stream: stream, buffer: buffer, end: count + stream.frameCount))
  }

  /// The job at `index`, which is below `count`.
  func job(_ index: Int, in pack: PackReader) -> (frame: PackFrame, buffer: HostBuffer<UInt8>) {
    var range = parts.indices
    while range.count > 1 {
      let middle = range.lowerBound + range.count / 2
      range = parts[middle - 1].end > index ? range.lowerBound..<middle : middle..<range.upperBound
    }
    let part = parts[range.lowerBound]
    let position = index - (part.end - part.stream.frameCount)
    return (pack.frame(at: position, of: part.stream), part.buffer)
  }
}
