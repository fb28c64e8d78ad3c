import QuireCheckpoints
import QuireExport
import QuireJSON
import QuireModel
import QuireModelFiles
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// Packs exported to compressed-tensors, read again and packed again: the same codes, scales and zero points.
@Suite struct CompressedRoundTripTests {
  private let folder = TemporaryFolder()

  struct Mix: CustomTestStringConvertible {
    let testDescription: String
    let format: @Sendable (LayerTensor) -> WeightFormat
    /// The format of all of quantization_config.
    var kind = "pack-quantized"
    var groupCount = 1
  }

  /// Every format that compressed-tensors holds exactly, alone and in several config groups.
  static let mixes =
    [
      WeightFormat.int4(group: 32), .int4(group: 64), .int4(group: 128), .int8(group: 32), .int8(group: 64),
      .int8(group: 128), .int8(isSymmetric: false), .int8(scaleType: .float16),
      .int4(group: 32, isSymmetric: false), .int4(group: 64, isSymmetric: false, scaleType: .float16),
      .int4(group: 128, isSymmetric: false), .int4(group: 128, scaleType: .float16),
      .int8(group: 32, isSymmetric: false), .int8(group: 128, isSymmetric: false, scaleType: .float16),
    ].map { format in Mix(testDescription: format.description, format: { _ in format }) } + [
      Mix(testDescription: "W8A8", format: { _ in .int8() }, kind: "int-quantized"),
      Mix(
        testDescription: "W4A16, W8A8 and W8A16",
        format: { part in
          switch part {
          case .downProjection: .int8(group: 64)
          case .gateProjection, .upProjection: .int8()
          default: .int4(group: 128)
          }
        }, kind: "mixed-precision", groupCount: 3),
      Mix(
        testDescription: "with and without zero points",
        format: { part in
          switch part {
          case .outputProjection: .int8(isSymmetric: false)
          case .downProjection: .int4(group: 32, isSymmetric: false)
          case .gateProjection, .upProjection: .int4(group: 32)
          default: .int8(group: 128, isSymmetric: false)
          }
        }, kind: "mixed-precision", groupCount: 4),
    ]

  @Test(arguments: mixes) func everyStreamComesBack(_ mix: Mix) throws {
    let sample = SampleModel(format: { name in
      if case .layer(_, let part) = name { mix.format(part) } else { .bf16 }
    })
    let source = try sample.write(to: folder)
    let path = folder.path + "/out"
    let plan = try ExportPlan(
      source, options: ExportOptions(format: .compressedTensors), compute: Compute(threadCount: 2))
    try Exporter(plan).write(to: path, replaces: true)
    let settings = try ExportedFolder(path).json("config.json")["quantization_config"]
    #expect(settings?["format"]?.stringValue == mix.kind)
    #expect(settings?["config_groups"]?.objectValue?.members.count == mix.groupCount)

    let checkpoint = try Checkpoint(path: path)
    let loader = try LayerLoader(checkpoint, keepsGrids: true)
    let kept = try #require(try QuantizedSource(checkpoint, keepsGrids: true)).kept
    #expect(kept.count == 14)
    let again = folder.path + "/again.quire"
    let writer = try PackWriter(path: again)
    try writer.add(try Model(configuration: loader.configuration, source: loader))
    try writer.finish(manifest: PackManifest(members: ["configuration": loader.configuration.json]))
    let (before, after) = try (PackReader(path: source.path), PackReader(path: again))
    #expect(before.tensors.count == after.tensors.count)
    for tensor in before.tensors {
      let other = try #require(after.tensor(tensor.name))
      // A scale that both types hold comes back as bf16, and a group as wide as the matrix as none.
      guard other.scheme == tensor.scheme else { continue }
      #expect(other.streams.map(\.hash) == tensor.streams.map(\.hash), "\(tensor.name)")
    }
    let (one, two) = try (source.load(team: Self.team), ModelSource(path: again).load(team: Self.team))
    for name in one.configuration.tensorNames where !name.isNorm {
      guard case .quantized(let first) = one.matrix(name), case .quantized(let second) = two.matrix(name)
      else {
        #expect(one.matrix(name).values == two.matrix(name).values, "\(name)")
        continue
      }
      #expect(first.format.scheme == second.format.scheme && first.groupCount == second.groupCount)
      #expect(first.decodedCodes().array == second.decodedCodes().array, "\(name)")
      #expect(first.decodedScales() == second.decodedScales(), "\(name)")
      #expect(Self.zeros(first) == Self.zeros(second), "\(name)")
    }
  }

  private static let team = ThreadTeam(threadCount: 1)

  private static func zeros(_ matrix: QuantizedMatrix) -> [UInt8] {
    (0..<matrix.rows).flatMap { row in
      (0..<matrix.groupCount).map { matrix.zeroCode(row: row, group: $0) }
    }
  }
}
