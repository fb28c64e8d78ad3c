import CKernels
import Foundation

/// The peak speeds that a machine's threads reach together when they only multiply and add, or only read memory.
package struct MachineLimits: Sendable, Equatable {
  /// Multiply-adds of bytes, as for quantized matrices.
  package var int8MultiplyAddsPerSecond: Double
  /// Multiply-adds of bf16, or of floats on a CPU without bf16 instructions, as for matrices that are not
  /// quantized.
  package var bf16MultiplyAddsPerSecond: Double
  /// Multiply-adds of floats, as for attention.
  package var floatMultiplyAddsPerSecond: Double
  package var readBytesPerSecond: Double

  package init(
    int8MultiplyAddsPerSecond: Double, bf16MultiplyAddsPerSecond: Double, floatMultiplyAddsPerSecond: Double,
    readBytesPerSecond: Double
  ) {
    self.int8MultiplyAddsPerSecond = int8MultiplyAddsPerSecond
    self.bf16MultiplyAddsPerSecond = bf16MultiplyAddsPerSecond
    self.floatMultiplyAddsPerSecond = floatMultiplyAddsPerSecond
    self.readBytesPerSecond = readBytesPerSecond
  }

  /// The median of each limit. Precondition: there are samples.
  package init(medianOf samples: [MachineLimits]) {
    precondition(!samples.isEmpty, "the median of nothing")
    func median(_ limit: (MachineLimits) -> Double) -> Double {
      let sorted = samples.map(limit).sorted()
      return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
    self.init(
      int8MultiplyAddsPerSecond: median(\.int8MultiplyAddsPerSecond),
      bf16MultiplyAddsPerSecond: median(\.bf16MultiplyAddsPerSecond),
      floatMultiplyAddsPerSecond: median(\.floatMultiplyAddsPerSecond),
      readBytesPerSecond: median(\.readBytesPerSecond))
  }
}

/// Measures the limits of the computing threads and the instruction set repeatedly: on a shared machine the
/// available speed changes within minutes, so a limit must be measured close in time to the work it is compared
/// with.
///
///     let meter = LimitMeter(compute: compute)   // half a second, half a GiB
///     let before = meter.measure()               // a tenth of a second
// Unchecked: used by one thread at a time.
package final class LimitMeter: @unchecked Sendable {
  /// How memory is read: parallel streams, each prefetched so many bytes ahead. Which is fastest depends on the
  /// machine.
  private struct ReadPattern {
    let streams: Int
    let ahead: Int
  }

  private let compute: Compute
  private let memory: HostBuffer<UInt8>
  private var pattern: ReadPattern
  private var rounds: [UInt32: UInt64] = [:]  // by quire_limit: rounds that take about `burstSeconds`

  /// Bytes that a meter reads: far more than the caches hold.
  package static let memoryBytes = 512 << 20
  private static let burstSeconds = 0.03
  private static let patterns = [1, 4, 8, 16].flatMap { streams in
    [0, 2048].map { ReadPattern(streams: streams, ahead: $0) }
  }

  /// Determines the rounds of a burst and the fastest way of reading on this machine.
  package init(compute: Compute) {
    self.compute = compute
    memory = HostBuffer(count: Self.memoryBytes)
    pattern = Self.patterns[0]
    // Zeroed pages that have never been written all share one physical page.
    let bytes = memory.bytes
    compute.team.run { thread, count in
      let share = ThreadTeam.range(of: bytes.count, share: thread, count: count)
      _ = UnsafeMutableRawBufferPointer(rebasing: bytes[share]).initializeMemory(as: UInt8.self, repeating: 1)
    }
    for limit in [QUIRE_LIMIT_INT8, QUIRE_LIMIT_BF16, QUIRE_LIMIT_F32] { calibrate(limit) }
    let timed = Self.patterns.map { ($0, min(seconds(reading: $0), seconds(reading: $0))) }
    pattern = timed.min { $0.1 < $1.1 }?.0 ?? pattern
  }

  package func measure() -> MachineLimits {
    MachineLimits(
      int8MultiplyAddsPerSecond: multiplyAddsPerSecond(QUIRE_LIMIT_INT8),
      bf16MultiplyAddsPerSecond: multiplyAddsPerSecond(QUIRE_LIMIT_BF16),
      floatMultiplyAddsPerSecond: multiplyAddsPerSecond(QUIRE_LIMIT_F32),
      readBytesPerSecond: Double(Self.memoryBytes) / seconds(reading: pattern))
  }

  private func calibrate(_ limit: quire_limit) {
    var count: UInt64 = 1_000
    // The fastest of three: a burst that the system interrupted would make all later ones too short.
    func seconds() -> Double { (0..<3).map { _ in multiply(limit, rounds: count).seconds }.min() ?? 0 }
    var elapsed = seconds()
    while elapsed < Self.burstSeconds / 8 {
      count *= 4
      elapsed = seconds()
    }
    rounds[limit.rawValue] = UInt64(Double(count) * Self.burstSeconds / elapsed) + 1
  }

  private func multiplyAddsPerSecond(_ limit: quire_limit) -> Double {
    let (operations, seconds) = multiply(limit, rounds: rounds[limit.rawValue] ?? 1)
    return Double(operations) / seconds
  }

  /// All threads run `rounds` rounds; returns the multiply-adds of all of them and the time until the last has
  /// finished.
  private func multiply(_ limit: quire_limit, rounds: UInt64) -> (operations: UInt64, seconds: Double) {
    let set = compute.kernels.instructionSet.kernelValue
    let counts = HostBuffer<UInt64>(count: compute.team.threadCount)
    let seconds = Self.seconds {
      compute.team.run { thread, _ in counts[thread] = quire_limit_multiply(set, limit, rounds) }
    }
    return (counts.buffer.reduce(0, +), seconds)
  }

  private func seconds(reading pattern: ReadPattern) -> Double {
    let set = compute.kernels.instructionSet.kernelValue
    let piece = 256 * pattern.streams
    let sums = HostBuffer<UInt64>(count: compute.team.threadCount)
    let base = UnsafeRawPointer(memory.pointer)
    return Self.seconds {
      compute.team.run { thread, count in
        let share = ThreadTeam.range(of: Self.memoryBytes / piece, share: thread, count: count)
        sums[thread] = quire_limit_read(
          set, base + share.lowerBound * piece, share.count * piece, Int32(pattern.streams), pattern.ahead)
      }
    }
  }

  private static func seconds(_ body: () -> Void) -> Double {
    let begin = ContinuousClock.now
    body()
    let duration = (ContinuousClock.now - begin).components
    return max(Double(duration.seconds) + Double(duration.attoseconds) * 1e-18, 1e-9)
  }
}
