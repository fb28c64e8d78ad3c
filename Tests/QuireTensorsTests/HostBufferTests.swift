import QuireTensors
import Testing

/// Large buffers, whose pages come from the system when they are first used.
@Suite struct HostBufferTests {
  /// More bytes than there are, and a buffer that is not mapped, do no harm.
  @Test(arguments: [1, 1 << 10, 12 << 20], [0, 1, 5 << 20, .max])
  func populatingKeepsTheContents(count: Int, byteCount: Int) {
    let buffer = HostBuffer<UInt8>(count: count)
    buffer[count - 1] = 7
    buffer[0] = 9
    buffer.populate(byteCount: byteCount)
    #expect(buffer[0] == 9 && buffer.buffer.count { $0 != 0 } == min(count, 2))
    #expect(count == 1 || buffer[count - 1] == 7)
  }
}
