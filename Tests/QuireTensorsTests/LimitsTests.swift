import CKernels
import QuireTensors
import Testing

@Suite struct LimitsTests {
  @Test(arguments: InstructionSet.supported)
  func multiplyAddsGrowWithTheRounds(set: InstructionSet) {
    let isa = set.kernelValue
    for limit in [QUIRE_LIMIT_INT8, QUIRE_LIMIT_BF16, QUIRE_LIMIT_F32] {
      let one = quire_limit_multiply(isa, limit, 1)
      #expect(one > 0)
      #expect(quire_limit_multiply(isa, limit, 1_000) == 1_000 * one)
    }
  }

  /// The sum that reading returns holds every byte, so no way of reading can have left one out.
  @Test(arguments: InstructionSet.supported)
  func everyWayOfReadingReadsEverything(set: InstructionSet) {
    let isa = set.kernelValue
    let words = HostBuffer<UInt64>(count: 4_096)
    for index in 0..<words.count { words[index] = UInt64(index + 1) &* 0x9E37_79B9_7F4A_7C15 }
    let expected = words.buffer.reduce(0, ^)
    for streams in [Int32(1), 2, 4, 8, 16] {
      for ahead in [0, 64, 2048] {
        #expect(quire_limit_read(isa, words.pointer, words.byteCount, streams, ahead) == expected)
      }
    }
  }

  @Test func theMedianOfLimitsIsTakenOfEachAlone() {
    let samples = [(1, 9), (3, 1), (2, 5), (8, 4)].map { first, last in
      MachineLimits(
        int8MultiplyAddsPerSecond: Double(first), bf16MultiplyAddsPerSecond: 1, floatMultiplyAddsPerSecond: 2,
        readBytesPerSecond: Double(last))
    }
    let median = MachineLimits(medianOf: samples)
    #expect(median.int8MultiplyAddsPerSecond == 2.5)
    #expect(median.readBytesPerSecond == 4.5)
    #expect(MachineLimits(medianOf: Array(samples.prefix(3))).int8MultiplyAddsPerSecond == 2)
  }

  /// A gigabyte and a billion multiply-adds a second are slower than anything with these instructions.
  @Test func aMeterFindsWhatAnyMachineReaches() {
    let limits = LimitMeter(compute: Compute(threadCount: 2)).measure()
    #expect(limits.int8MultiplyAddsPerSecond > 1e7)
    #expect(limits.bf16MultiplyAddsPerSecond > 1e7)
    #expect(limits.floatMultiplyAddsPerSecond > 1e7)
    #expect(limits.readBytesPerSecond > 1e7)
  }
}
