import QuireFiles
package import QuireTensors
import Synchronization

extension PackReader {
  /// Some raw bytes of a stream. Only the frames that hold them are decompressed.
  ///
  /// - Parameter team: threads that share the frames; nil: only the calling thread.
  package func contents(
    _ range: Range<Int>, of stream: PackTensor.Stream, team: ThreadTeam? = nil
  ) throws(PackError) -> HostBuffer<UInt8> {
    let target = HostBuffer<UInt8>(count: range.count)
    let positions = Self.framePositions(of: range, in: stream)
    let next = Atomic<Int>(positions.lowerBound)
    let failure = Mutex<PackError?>(nil)
    let work = { @Sendable (_: Int, _: Int) in
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < positions.upperBound else { return }
        do throws(PackError) {
          try self.copy(self.frame(at: index, of: stream), within: range, into: target)
        } catch {
          failure.withLock { $0 = $0 ?? error }
          next.store(positions.upperBound, ordering: .relaxed)
        }
      }
    }
    if let team, positions.count > 1 { team.run(work) } else { work(0, 1) }
    if let error = failure.withLock({ $0 }) { throw error }
    return target
  }

  /// The frames of a stream, by position, that hold a range of its raw bytes.
  package static func framePositions(of range: Range<Int>, in stream: PackTensor.Stream) -> Range<Int> {
    guard !range.isEmpty else { return 0..<0 }
    return range.lowerBound / stream.frameBytes..<(range.upperBound - 1) / stream.frameBytes + 1
  }

  /// Decompresses a frame and keeps what of it is in `range`, whose start is the start of `target`.
  private func copy(
    _ frame: PackFrame, within range: Range<Int>, into target: HostBuffer<UInt8>
  ) throws(PackError) {
    let kept = frame.range.clamped(to: range)
    let offset = kept.lowerBound - range.lowerBound
    let destination = UnsafeMutableRawBufferPointer(rebasing: target.bytes[offset..<offset + kept.count])
    if kept == frame.range { return try readFrame(frame, into: destination) }
    let whole = HostBuffer<UInt8>(count: frame.range.count)
    defer { withExtendedLifetime(whole) {} }
    try readFrame(frame, into: whole.bytes)
    let start = kept.lowerBound - frame.range.lowerBound
    destination.copyMemory(from: UnsafeRawBufferPointer(rebasing: whole.bytes[start..<start + kept.count]))
  }
}
