import QuireEvaluation
import QuireTensors
import Testing

@Suite struct PeakMemoryTests {
  @Test func findsTheHighWaterMark() {
    let status = "Name:\tquire\nVmPeak:\t  999 kB\nVmHWM:\t  123456 kB\nVmRSS:\t  100 kB\n"
    #expect(PeakMemory.bytes(status: status) == 123_456 * 1024)
    #expect(PeakMemory.bytes(status: "Name:\tquire\n") == nil)
    #expect(PeakMemory.bytes(status: "VmHWM:\t  12 MB\n") == nil)
    #expect(PeakMemory.bytes(status: "VmHWM:\t  many kB\n") == nil)
  }

  /// Memory that was used and given back counts.
  @Test func remembersWhatWasGivenBack() {
    // Where the mark cannot be reset there is nothing to test; evaluations then report no peak.
    guard PeakMemory.reset() else { return }
    let byteCount = 256 << 20
    // Other tests of this process reset the mark too: one of a few attempts goes undisturbed.
    #expect((0..<5).contains { _ in peak(afterUsing: byteCount) >= byteCount })
  }

  private func peak(afterUsing byteCount: Int) -> Int {
    do {
      let buffer = HostBuffer<UInt8>(count: byteCount)
      for index in stride(from: 0, to: byteCount, by: 4096) { buffer[index] = 1 }
    }
    return PeakMemory.bytes ?? 0
  }
}
