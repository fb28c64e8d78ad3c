package import QuireTensors
import Synchronization

extension PackReader {
  /// Checks every byte that `init` has not: each stream's frames against their hash, their checksums and sizes,
  /// and the unpacked contents against theirs.
  ///
  /// - Parameters:
  ///   - team: threads that share the streams; nil for the caller alone.
  ///   - progress: called now and then, by any thread of the team, with unpacked bytes so far and in all.
  /// - Throws: the damage nearest to the start of the file.
  package func verify(
    team: ThreadTeam? = nil, progress: (@Sendable (_ doneBytes: Int, _ totalBytes: Int) -> Void)? = nil
  ) throws(PackError) {
    let jobs = storedStreams()
    let total = jobs.reduce(0) { $0 + $1.stream.rawBytes }
    let next = Atomic<Int>(0)
    let done = Atomic<Int>(0)
    let failures = Mutex<[Int: PackError]>([:])
    let body = { @Sendable (_: Int, _: Int) in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < jobs.count else { return }
        do throws(PackError) {
          try self.verify(jobs[index]) { bytes in
            progress?(done.wrappingAdd(bytes, ordering: .relaxed).newValue, total)
          }
        } catch {
          failures.withLock { $0[jobs[index].stream.firstFrame] = error }
        }
      }
    }
    if let team { team.run(body) } else { body(0, 1) }
    if let first = failures.withLock({ $0.min { $0.key < $1.key } }) { throw first.value }
  }

  private struct Job {
    let tensorName: String
    let stream: PackTensor.Stream
  }

  /// Each stored stream once, the largest first so that threads finish together.
  private func storedStreams() -> [Job] {
    var seen: Set<Int> = []
    let jobs = tensors.flatMap { tensor in
      tensor.streams.filter { seen.insert($0.firstFrame).inserted }
        .map { Job(tensorName: tensor.name, stream: $0) }
    }
    return jobs.sorted {
      ($0.stream.rawBytes, $1.stream.firstFrame) > ($1.stream.rawBytes, $0.stream.firstFrame)
    }
  }

  private func verify(_ job: Job, advance: (Int) -> Void) throws(PackError) {
    let decoder = takeDecoder()
    defer { giveBack(decoder) }
    let scratch = HostBuffer<UInt8>(count: min(job.stream.frameBytes, job.stream.rawBytes))
    var packed = ContentHash()
    var raw = ContentHash()
    for frame in frames(of: job.stream) {
      let target = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes.prefix(frame.range.count))
      try readFrame(frame, into: target, with: decoder)
      decoder.withPacked { packed.update($0) }
      raw.update(UnsafeRawBufferPointer(target))
      advance(frame.range.count)
    }
    let part = "\(job.stream.kind.rawValue) of tensor \"\(job.tensorName)\""
    guard packed.value == job.stream.packedHash else {
      throw .damaged(path: path, part: part, found: "a wrong checksum of its frames")
    }
    guard raw.value == job.stream.hash else {
      throw .damaged(path: path, part: part, found: "a wrong checksum of its contents")
    }
  }
}
