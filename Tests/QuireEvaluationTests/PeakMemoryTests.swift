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
  @Test func remembersWhatWasGivenBack() throws {
    guard PeakMemory.reset() else { return }
    let byteCount = 256 << 20
    do {
      let buffer = HostBuffer<UInt8>(count: byteCount)
      for index in stride(from: 0, to: byteCount, by: 4096) { buffer[index] = 1 }
      #expect(buffer[4096] == 1)
    }
    #expect(try #require(PeakMemory.bytes) >= byteCount)
  }
}
