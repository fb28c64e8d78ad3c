import Foundation
import QuireFiles
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// Small files that would demand much memory or time.
@Suite struct PackBombTests {
  let folder = TemporaryFolder()

  /// Tensors "0", "1" … that all have the one stream of `forge`.
  private func sharing(_ forge: PackForge, tensorCount: Int) -> PackForge {
    var forge = forge
    let list = String(forge.manifest.dropFirst(12).dropLast(2))
    let tensors = (0..<tensorCount).map { list.replacing("\"t\"", with: "\"\($0)\"") }
    forge.manifest = "{\"tensors\":[" + tensors.joined(separator: ",") + "]}"
    return forge
  }

  private func sentence(_ forge: PackForge) throws -> String {
    let path = folder.write(forge.bytes, to: "bomb.quire")
    let error = #expect(throws: PackError.self) { try PackReader(path: path) }
    return try #require(error).description.replacing(path, with: "FILE")
  }

  @Test func sharedStreamsDoNotMultiply() throws {
    let frame = PackForge.Frame([UInt8](repeating: 7, count: 1 << 20))
    let forge = sharing(
      .oneTensor(shape: "[524288]", rawBytes: "1048576", frameBytes: "1048576", frames: [frame]),
      tensorCount: 600)
    let limit = 256 * forge.bytes.count
    #expect(
      try sentence(forge)
        == "expected a valid total size of tensors (at most \(limit) bytes) in FILE, found more; do not trust this file"
    )
  }

  @Test func sharingWithinTheLimitIsRead() throws {
    let forge = sharing(.oneTensor(), tensorCount: 50)
    let pack = try PackReader(path: folder.write(forge.bytes, to: "a.quire"))
    #expect(pack.tensors.count == 50)
    try pack.verify()
  }

  @Test func tooManyTensorsAreRefused() throws {
    #expect(
      try sentence(sharing(.oneTensor(), tensorCount: 65_537))
        == "expected a valid number of tensors (at most 65536) in FILE, found 65537; do not trust this file")
  }

  /// Each of these texts would fill a gigabyte if it were read whole.
  @Test(arguments: ["0", "[]", "{}", "{\"\":0}", "[0]", "\"\"", "null", "[[]]"])
  func manifestsOfManyValuesAreRefused(_ value: String) throws {
    var forge = PackForge()
    let text = "{\"tensors\":[],\"x\":[" + String(repeating: value + ",", count: 2_100_000) + "0]}"
    forge.manifest = text
    let clock = ContinuousClock()
    let start = clock.now
    #expect(try sentence(forge).contains("expected at most 2097152 values, found more; "))
    let elapsed = clock.now - start
    #expect(elapsed < .seconds(20))
  }

  @Test func aWriterRefusesWhatReadersWould() throws {
    let path = folder.path + "/a.quire"
    let writer = try PackWriter(path: path)
    // Numbers that shrink to about a hundredth, eight times.
    let bytes = HostBuffer<UInt8>(count: 1 << 20)
    var generator = SeededGenerator(seed: 1)
    for index in 0..<10_000 { bytes[index] = UInt8(truncatingIfNeeded: generator.next()) }
    for number in 0..<8 {
      try writer.addTensor(
        name: "\(number)", shape: [1 << 18], scheme: "float32", group: nil,
        streams: [PackStream(kind: .raw, bytes: UnsafeRawBufferPointer(bytes.bytes), rowBytes: 4096)])
    }
    let error = #expect(throws: PackError.self) { try writer.finish(manifest: PackManifest()) }
    #expect(error?.description.contains("found: tensors of 8388608, more than ") == true)
  }
}
