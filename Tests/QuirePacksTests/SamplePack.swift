import QuireJSON
import QuirePacks
import QuireTensors
import TestSupport

/// Tensors of every scheme, made from a seed, and the pack that holds them.
struct SamplePack {
  struct Tensor {
    var name: String
    var shape: [Int]
    var scheme: String
    var group: Int?
    var streams: [(kind: PackStreamKind, bytes: HostBuffer<UInt8>, rowBytes: Int)]
  }

  var tensors: [Tensor] = []
  var manifest = PackManifest(members: [
    "configuration": ["hidden_size": 64], "tokenizer": ["model": ["vocab": ["é": 1]]],
    "recipe": ["name": "none", "text": "{} // text", "steps": 0], "provenance": ["seed": 1], "rows": [],
  ])

  /// Small tensors of every scheme; two of them equal, one empty of information.
  static func small() -> SamplePack {
    var pack = SamplePack()
    pack.addBrainFloats("norm", [64], seed: 1)
    pack.addBrainFloats("embedding", [320, 64], seed: 2)
    pack.addQuantized("int8", [40, 64], "int8", nil, seed: 3)
    pack.addQuantized("int4", [96, 128], "int4", 32, seed: 4)
    pack.addBrainFloats("head", [320, 64], seed: 2)
    pack.addRaw("float32", [3, 5, 7], "float32", 4, seed: 5)
    pack.addRaw("float16", [11], "float16", 2, seed: 6)
    pack.tensors.append(
      Tensor(
        name: "zero", shape: [128, 1024], scheme: "float32", group: nil,
        streams: [(.raw, HostBuffer<UInt8>(count: 128 * 1024 * 4), 4096)]))
    return pack
  }

  /// As `small`, with streams of several frames.
  static func large() -> SamplePack {
    var pack = small()
    pack.addBrainFloats("wide", [1000, 1500], seed: 7)
    pack.addQuantized("deep", [3000, 1024], "int8", 128, seed: 8)
    pack.addQuantized("zeros4", [70, 256], "int4-asymmetric", 64, seed: 10)
    pack.addQuantized("zeros8", [40, 64], "int8-asymmetric-float16", nil, seed: 11)
    pack.addQuantized("halves", [33, 128], "int4-float16", 128, seed: 12)
    pack.addQuantized("levels4", [70, 256], "nl4", 64, seed: 13)
    pack.addQuantized("levels3", [33, 128], "nl3", 32, seed: 14)
    pack.addRaw("noise", [1300, 1001], "float32", 4, seed: 9)
    return pack
  }

  mutating func addBrainFloats(_ name: String, _ shape: [Int], seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let count = shape.reduce(1, *)
    let bytes = HostBuffer<UInt8>(count: 2 * count)
    bytes.bytes.withMemoryRebound(to: UInt16.self) { numbers in
      for index in 0..<count { numbers[index] = (generator.nextGaussian() * 0.02).bfloat16Bits }
    }
    tensors.append(
      Tensor(
        name: name, shape: shape, scheme: "bf16", group: nil,
        streams: [(.bf16, bytes, 2 * (shape.last ?? 1))]))
  }

  mutating func addQuantized(_ name: String, _ shape: [Int], _ scheme: String, _ group: Int?, seed: UInt64) {
    let format = WeightFormat(name: scheme, group: group)!
    let codes = format.codeByteCount(rows: shape[0], columns: shape[1])
    let scales = 2 * format.scaleCount(rows: shape[0], columns: shape[1])
    var tensor = Tensor(
      name: name, shape: shape, scheme: scheme, group: group,
      streams: [
        (.codes, Self.bytes(codes, seed: seed, spread: 20), 32 * shape[1]),
        (.scales, Self.bytes(scales, seed: seed &+ 100, spread: 90), 64),
      ])
    let zeros = format.zeroByteCount(rows: shape[0], columns: shape[1])
    if zeros > 0 { tensor.streams.append((.zeros, Self.bytes(zeros, seed: seed &+ 200, spread: 9), 32)) }
    tensors.append(tensor)
  }

  mutating func addRaw(_ name: String, _ shape: [Int], _ scheme: String, _ size: Int, seed: UInt64) {
    let count = shape.reduce(size, *)
    tensors.append(
      Tensor(
        name: name, shape: shape, scheme: scheme, group: nil,
        streams: [(.raw, Self.bytes(count, seed: seed, spread: nil), size * (shape.last ?? 1))]))
  }

  /// Bytes around 128 as codes have them, or with nil of no structure at all.
  private static func bytes(_ count: Int, seed: UInt64, spread: Float?) -> HostBuffer<UInt8> {
    var generator = SeededGenerator(seed: seed)
    let buffer = HostBuffer<UInt8>(count: count)
    for index in 0..<count {
      buffer[index] =
        spread.map { UInt8(min(max(128 + generator.nextGaussian() * $0, 0), 255)) }
        ?? UInt8(truncatingIfNeeded: generator.next())
    }
    return buffer
  }

  func add(_ tensor: Tensor, to writer: PackWriter) throws {
    try writer.addTensor(
      name: tensor.name, shape: tensor.shape, scheme: tensor.scheme, group: tensor.group,
      streams: tensor.streams.map {
        PackStream(kind: $0.kind, bytes: UnsafeRawBufferPointer($0.bytes.bytes), rowBytes: $0.rowBytes)
      })
  }

  /// Writes the pack as a file of that name; its path.
  @discardableResult
  func write(to folder: TemporaryFolder, _ name: String = "a.quire", team: ThreadTeam? = nil) throws -> String
  {
    let path = folder.path + "/" + name
    let writer = try PackWriter(path: path, team: team)
    for tensor in tensors { try add(tensor, to: writer) }
    try writer.finish(manifest: manifest)
    return path
  }
}

extension PackReader {
  /// A copy of some raw bytes of a stream.
  func bytes(
    _ range: Range<Int>, of stream: PackTensor.Stream, team: ThreadTeam? = nil
  ) throws -> [UInt8] {
    let buffer = try contents(range, of: stream, team: team)
    defer { withExtendedLifetime(buffer) {} }
    return Array(buffer.buffer)
  }
}
