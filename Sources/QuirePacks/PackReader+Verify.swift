import Foundation
import QuireFiles
package import QuireTensors
import Synchronization

extension PackReader {
  /// Checks every byte that `init` has not: each stream's frames against their hash, their checksums and sizes, and
  /// the decompressed contents against theirs.
  ///
  /// - Parameters:
  ///   - team: threads that share the frames; nil: only the calling thread.
  ///   - progress: called repeatedly, by any thread of the team, with the decompressed bytes so far and their
  ///     total.
  /// - Throws: the damage nearest to the start of the file.
  package func verify(
    team: ThreadTeam? = nil, progress: (@Sendable (_ doneBytes: Int, _ totalBytes: Int) -> Void)? = nil
  ) throws(PackError) {
    let checks = storedStreams()
    let jobs = checks.flatMap { check in
      frames(of: check.stream).enumerated().map { (check: check, position: $0.offset, frame: $0.element) }
    }
    let total = checks.reduce(0) { $0 + $1.stream.rawBytes }
    let next = Atomic<Int>(0)
    let done = Atomic<Int>(0)
    let refusal = Mutex<PackError?>(nil)
    let body = { @Sendable (_: Int, _: Int) in
      let decoder: FrameDecoder
      do throws(PackError) {
        decoder = try self.takeDecoder()
      } catch {
        return refusal.withLock { $0 = error }
      }
      defer { self.giveBack(decoder) }
      let scratch = HostBuffer<UInt8>(count: PackLayout.frameRawBytesMax)
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < jobs.count else { return }
        let (check, position, frame) = jobs[index]
        let target = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes.prefix(frame.range.count))
        var failure: PackError?
        do throws(PackError) { try self.readFrame(frame, into: target, with: decoder) } catch {
          failure = error
        }
        check.add(position, failure: failure, decoder: decoder, raw: UnsafeRawBufferPointer(target))
        progress?(done.wrappingAdd(frame.range.count, ordering: .relaxed).newValue, total)
      }
    }
    if let team { team.run(body) } else { body(0, 1) }
    // Threads without memory have processed no frame; if all had none, nothing was checked.
    if let error = refusal.withLock({ $0 }), done.load(ordering: .relaxed) < total { throw error }
    for check in checks {
      try check.verdict(path: check.stream.source == .parent ? parent?.path ?? path : path)
    }
  }

  /// Each stream once, in the order of the file; of a delta pack's parent those that it takes.
  private func storedStreams() -> [StreamCheck] {
    var seen: [Set<Int>] = [[], []]
    let checks = tensors.flatMap { tensor in
      tensor.storedStreams.filter { seen[$0.source == .parent ? 1 : 0].insert($0.firstFrame).inserted }
        .map { StreamCheck(tensorName: tensor.name, stream: $0) }
    }
    func position(_ check: StreamCheck) -> (Int, Int) {
      (check.stream.source == .parent ? 1 : 0, check.stream.firstFrame)
    }
    return checks.sorted { position($0) < position($1) }
  }
}

/// The hashes of one stream, to which threads add frames in order.
// Unchecked: `packed`, `raw` and `failure` belong to the thread whose frame is next.
private final class StreamCheck: @unchecked Sendable {
  let tensorName: String
  let stream: PackTensor.Stream
  private let turn = Atomic<Int>(0)
  private var packed = ContentHash()
  private var raw = ContentHash()
  private var failure: PackError?

  init(tensorName: String, stream: PackTensor.Stream) {
    self.tensorName = tensorName
    self.stream = stream
  }

  /// Adds the frame at `position`, once all before it have been added. Other threads took those earlier and can
  /// finish them without waiting for this one.
  func add(
    _ position: Int, failure found: PackError?, decoder: FrameDecoder, raw bytes: UnsafeRawBufferPointer
  ) {
    while turn.load(ordering: .acquiring) != position { sched_yield() }
    failure = failure ?? found
    if failure == nil {
      decoder.withPacked { packed.update($0) }
      raw.update(bytes)
    }
    turn.store(position + 1, ordering: .releasing)
  }

  /// Throws the error of the stream. Precondition: all frames have been added.
  func verdict(path: String) throws(PackError) {
    if let failure { throw failure }
    let part = "\(stream.kind.rawValue) of tensor \"\(tensorName)\""
    guard packed.value == stream.packedHash else {
      throw .damaged(path: path, part: part, found: "a wrong checksum of its frames")
    }
    guard raw.value == stream.hash else {
      throw .damaged(path: path, part: part, found: "a wrong checksum of its contents")
    }
  }
}
