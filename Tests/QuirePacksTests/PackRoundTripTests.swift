import QuireFiles
import Foundation
import QuireJSON
import QuirePacks
import QuireTensors
import Synchronization
import TestSupport
import Testing

@Suite struct PackRoundTripTests {
  @Test func readsWhatWasWritten() throws {
    let folder = TemporaryFolder()
    let sample = SamplePack.large()
    let reader = try PackReader(path: try sample.write(to: folder))
    #expect(reader.tensors.map(\.name) == sample.tensors.map(\.name))
    for tensor in sample.tensors {
      let found = try #require(reader.tensor(tensor.name))
      #expect(found.shape == tensor.shape && found.scheme == tensor.scheme && found.group == tensor.group)
      #expect(found.rawBytes == tensor.streams.reduce(0) { $0 + $1.bytes.count })
      for stream in tensor.streams {
        let back = HostBuffer<UInt8>(count: stream.bytes.count)
        try reader.read(tensor.name, stream: stream.kind, into: back.bytes)
        #expect(back.buffer.elementsEqual(stream.bytes.buffer), "\(tensor.name) \(stream.kind)")
        #expect(found.stream(stream.kind)?.hash == ContentHash.of(UnsafeRawBufferPointer(stream.bytes.bytes)))
      }
    }
    try reader.verify()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.quire"])
  }

  @Test func carriesTheMembersInOrder() throws {
    let sample = SamplePack.small()
    let folder = TemporaryFolder()
    let reader = try PackReader(path: try sample.write(to: folder))
    #expect(reader.manifest == sample.manifest)
    let json = reader.manifest.json(tensors: reader.tensors)
    #expect(json.objectValue?.keys == sample.manifest.members.keys + ["tensors"])
  }

  @Test func storesEqualStreamsOnce() throws {
    let folder = TemporaryFolder()
    let sample = SamplePack.small()
    let reader = try PackReader(path: try sample.write(to: folder))
    let embedding = try #require(reader.tensor("embedding"))
    let head = try #require(reader.tensor("head"))
    #expect(embedding.streams == head.streams)
    var other = sample
    other.tensors.removeAll { $0.name == "head" }
    let without = try PackReader(path: try other.write(to: folder, "b.quire"))
    #expect(reader.fileBytes - without.fileBytes < 200)
  }

  @Test func anEqualStreamOfAnotherSchemeIsNotShared() throws {
    // The same bytes as bf16 numbers and as raw bytes: the frames differ, since one has planes.
    var sample = SamplePack()
    sample.addBrainFloats("a", [8, 64], seed: 1)
    sample.tensors.append(
      .init(
        name: "b", shape: [8, 64], scheme: "float16", group: nil,
        streams: [(.raw, sample.tensors[0].streams[0].bytes, 128)]))
    let folder = TemporaryFolder()
    let reader = try PackReader(path: try sample.write(to: folder))
    let back = HostBuffer<UInt8>(count: 1024)
    try reader.read("b", stream: .raw, into: back.bytes)
    #expect(back.buffer.elementsEqual(sample.tensors[0].streams[0].bytes.buffer))
    #expect(reader.tensors[0].streams[0].firstFrame != reader.tensors[1].streams[0].firstFrame)
    try reader.verify()
  }

  @Test func cutsFramesAtRows() throws {
    let folder = TemporaryFolder()
    let reader = try PackReader(path: try SamplePack.large().write(to: folder))
    let deep = try #require(reader.tensor("deep")?.stream(.codes))
    #expect(deep.frameBytes == 64 * 32 * 1024 && deep.frameCount == 2)
    let wide = try #require(reader.tensor("wide")?.stream(.bf16))
    #expect(wide.frameBytes % 3000 == 0 && wide.frameBytes <= 2 << 20 && wide.frameCount == 2)
    for stream in reader.tensors.flatMap(\.streams) {
      let frames = reader.frames(of: stream)
      #expect(frames.first?.range.lowerBound == 0 && frames.last?.range.upperBound == stream.rawBytes)
      for (left, right) in zip(frames, frames.dropFirst()) {
        #expect(left.range.upperBound == right.range.lowerBound)
      }
      #expect(frames.allSatisfy { $0.range.count <= 4 << 20 })
    }
  }

  @Test func longRowsAreCutToo() throws {
    var sample = SamplePack()
    sample.addRaw("three", [1, 750_000], "float32", 4, seed: 1)  // a row of 3 MB
    sample.addRaw("nine", [1, 2_250_000], "float32", 4, seed: 2)  // a row of 9 MB
    let folder = TemporaryFolder()
    let reader = try PackReader(path: try sample.write(to: folder))
    #expect(reader.tensors.map { $0.streams[0].frameBytes } == [3_000_000, 2 << 20])
    try reader.verify()
  }

  @Test func noiseIsStoredAndPlanesPayOff() throws {
    let folder = TemporaryFolder()
    let reader = try PackReader(path: try SamplePack.large().write(to: folder))
    let noise = try #require(reader.tensor("noise"))
    #expect(noise.packedBytes > noise.rawBytes && noise.packedBytes < noise.rawBytes + 500)
    let zero = try #require(reader.tensor("zero"))
    // Zeros would shrink more than a reader may believe, so they are stored too.
    #expect(zero.packedBytes > zero.rawBytes && zero.packedBytes < zero.rawBytes + 500)
    let wide = try #require(reader.tensor("wide"))
    #expect(Double(wide.packedBytes) < 0.68 * Double(wide.rawBytes))
  }

  @Test func bytesDoNotDependOnThreads() throws {
    let folder = TemporaryFolder()
    let sample = SamplePack.large()
    let alone = try Data(contentsOf: URL(fileURLWithPath: sample.write(to: folder, "a.quire")))
    let team = ThreadTeam(threadCount: 3)
    let together = try Data(
      contentsOf: URL(fileURLWithPath: sample.write(to: folder, "b.quire", team: team)))
    #expect(alone == together)
  }

  @Test func manyThreadsReadAtOnce() throws {
    let folder = TemporaryFolder()
    let sample = SamplePack.large()
    let reader = try PackReader(path: try sample.write(to: folder))
    let wrong = Atomic<Int>(0)
    ThreadTeam(threadCount: 4).run { thread, count in
      for round in 0..<4 {
        let tensor = sample.tensors[(thread + round) % sample.tensors.count]
        for stream in tensor.streams {
          guard let found = reader.tensor(tensor.name)?.stream(stream.kind) else { continue }
          let back = HostBuffer<UInt8>(count: found.rawBytes)
          for frame in reader.frames(of: found).reversed() {
            let target = UnsafeMutableRawBufferPointer(rebasing: back.bytes[frame.range])
            if (try? reader.readFrame(frame, into: target)) == nil { wrong.add(1, ordering: .relaxed) }
          }
          if !back.buffer.elementsEqual(stream.bytes.buffer) { wrong.add(1, ordering: .relaxed) }
        }
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
    let done = Mutex<[Int]>([])
    try reader.verify(team: ThreadTeam(threadCount: 2)) { bytes, total in
      done.withLock { $0 += [bytes, total] }
    }
    let counts = done.withLock { $0 }
    #expect(counts.max() == counts[1] && counts.count > 20)
  }

  @Test func askingForWhatIsNotThere() throws {
    let folder = TemporaryFolder()
    let path = try SamplePack.small().write(to: folder)
    let reader = try PackReader(path: path)
    let buffer = HostBuffer<UInt8>(count: 1)
    let error = #expect(throws: PackError.self) {
      try reader.read("norm", stream: .codes, into: buffer.bytes)
    }
    #expect(
      error?.description
        == "expected the codes of tensor \"norm\" in \(path), found none; `quire inspect` lists what the pack holds"
    )
  }

  @Test(.enabled(if: Tool("zstd") != nil, "needs the zstd program"))
  func theZstdProgramAgrees() throws {
    let folder = TemporaryFolder()
    let sample = SamplePack.large()
    let path = try sample.write(to: folder)
    let zstd = try #require(Tool("zstd"))
    let test = try zstd.run("-t", "-q", path)
    #expect(test.status == 0 && test.errors == "")
    #expect(try zstd.run("-d", "-q", path, "-o", folder.path + "/raw").status == 0)
    let raw = try [UInt8](Data(contentsOf: URL(fileURLWithPath: folder.path + "/raw")))
    let noise = try #require(sample.tensors.last?.streams.first?.bytes)
    let reader = try PackReader(path: path)
    let manifest = reader.manifest.json(tensors: reader.tensors).serializedBytes()
    #expect(raw.suffix(manifest.count).elementsEqual(manifest))
    #expect(raw.dropLast(manifest.count).suffix(noise.count).elementsEqual(noise.buffer))
  }
}
