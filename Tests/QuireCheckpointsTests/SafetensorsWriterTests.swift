import Foundation
import QuireCheckpoints
import QuireTensors
import TestSupport
import Testing

@Suite struct SafetensorsWriterTests {
  /// Bytes below 0x40: as floats of any type they are small, for the reader refuses others.
  func pattern(_ count: Int) -> HostBuffer<UInt8> {
    let buffer = HostBuffer<UInt8>(count: count)
    for index in 0..<count { buffer[index] = UInt8(truncatingIfNeeded: index &* 31) & 0x3f }
    return buffer
  }

  @Test func writesWhatTheReaderReads() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/out.safetensors"
    let data = pattern(24 + 12 + 7)
    let writer = try SafetensorsWriter(
      path: path,
      tensors: [
        .init(name: "a", element: .float32, shape: [2, 3]),
        .init(name: "é\"", element: .bfloat16, shape: [6]),
        .init(name: "b", element: .uint8, shape: [7]), .init(name: "none", element: .int64, shape: [0]),
      ], metadata: ["format": "pt"])
    for start in stride(from: 0, to: data.count, by: 10) {
      try writer.append(UnsafeRawBufferPointer(rebasing: data.bytes[start..<min(start + 10, data.count)]))
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    try writer.finish()
    #expect(!FileManager.default.fileExists(atPath: path + ".partial"))
    let file = try SafetensorsFile(path: path)
    #expect(file.metadata == ["format": "pt"])
    #expect(file.records.map(\.name) == ["a", "é\"", "b", "none"])
    let views = try file.records.map { try file.read($0).view }
    #expect(views.flatMap { Array($0.bytes) } == Array(data.buffer))
    #expect(file.records[0].range.lowerBound % 64 == 0)
    #expect(GoldenFile(path: path).shape("a") == [2, 3])
  }

  @Test func alignsWhatIsMisalignedInTheFile() throws {
    let folder = TemporaryFolder()
    var image = SafetensorsImage()
    image.tensors.append(.init(name: "a", element: "U8", shape: [3], bytes: [1, 2, 3]))
    image.add("b", shape: [5], [1, 2, 3, 4, 5] as [Float])
    let file = try SafetensorsFile(path: folder.write(image.bytes, to: "odd.safetensors"))
    let record = try #require(file.record("b"))
    #expect(record.range.lowerBound % 4 != 0)
    let view = try file.read(record).view
    #expect(UInt(bitPattern: view.bytes.baseAddress!) % 4 == 0)
    #expect(view.bytes.bindMemory(to: Float.self).elementsEqual([1, 2, 3, 4, 5]))
  }

  @Test func viewsOutliveTheFileAndEachOther() throws {
    let folder = TemporaryFolder()
    var image = SafetensorsImage()
    image.add("a", shape: [5000], (0..<5000).map(Float.init))
    let path = folder.write(image.bytes, to: "a.safetensors")
    func views() throws -> (TensorView, TensorView) {
      let file = try SafetensorsFile(path: path)
      return (try file.read(file.records[0]).view, try file.read(file.records[0]).view)
    }
    var first: TensorView? = try views().0
    let (second, _) = try views()
    #expect(first?.bytes.count == 20000)
    first = nil
    #expect(second.bytes.bindMemory(to: Float.self).elementsEqual((0..<5000).map(Float.init)))
  }

  @Test func anAbandonedFileLeavesNothing() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/out.safetensors"
    folder.write("before".utf8, to: "out.safetensors")
    do {
      let writer = try SafetensorsWriter(
        path: path, tensors: [.init(name: "a", element: .uint8, shape: [4])])
      let data = pattern(2)
      try writer.append(UnsafeRawBufferPointer(data.bytes))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["out.safetensors"])
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "before")
  }

  @Test func placesThatCannotBeWritten() throws {
    let folder = TemporaryFolder()
    func sentence(_ path: String) throws -> String {
      let error = #expect(throws: CheckpointError.self) { try SafetensorsWriter(path: path, tensors: []) }
      return try #require(error).description.replacing(folder.path, with: "FOLDER")
    }
    #expect(
      try sentence(folder.path + "/no/where")
        == "expected to write FOLDER/no/where, found: no such file or directory; "
        + "make the folder or choose another path and run again")
    #expect(
      try sentence(folder.path)
        == "expected to write FOLDER, found: something that is not a regular file has that name; "
        + "choose another path and run again")
    let path = folder.path + "/busy"
    let writer = try SafetensorsWriter(path: path, tensors: [])
    #expect(try sentence(path).contains("found: another process is writing it; wait until that is done or "))
    try writer.finish()
    #expect(try SafetensorsFile(path: path).records == [])
  }
}
