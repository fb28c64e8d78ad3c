import QuireJSON
import QuirePacks
import QuireTensors
import TestSupport
import Testing

@Suite struct PackRoundTripTests {
  @Test func smoke() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/a.quire"
    let writer = try PackWriter(path: path)
    let values = HostBuffer<UInt16>(count: 5_000_000)
    for index in 0..<values.count { values[index] = UInt16(truncatingIfNeeded: index &* 40503) }
    try writer.addTensor(
      name: "a", shape: [1000, 5000], scheme: "bf16", group: nil,
      streams: [PackStream(kind: .bf16, bytes: UnsafeRawBufferPointer(values.bytes), rowBytes: 10000)])
    try writer.finish(members: ["configuration": ["x": 1]])
    let reader = try PackReader(path: path)
    let back = HostBuffer<UInt16>(count: values.count)
    try reader.read("a", stream: .bf16, into: back.bytes)
    #expect(back.buffer.elementsEqual(values.buffer))
    try reader.verify()
  }
}
