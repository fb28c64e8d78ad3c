import QuireCheckpoints
import QuireJSON
import QuireModel
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// Matrices in bands of rows are the same as whole ones.
@Suite struct MatrixBandsTests {
  private let folder = TemporaryFolder()
  private let team = ThreadTeam(threadCount: 2)

  /// All weights of a matrix, whose memory lives until they are copied.
  private static func values(_ matrix: WeightMatrix) -> [Float] {
    let buffer = matrix.dequantized(kernels: Kernels(.portable))
    return withExtendedLifetime(buffer) { Array(buffer.buffer) }
  }

  private func joined(_ bands: MatrixBands) throws -> [Float] {
    var values: [Float] = []
    for index in 0..<bands.count {
      #expect(bands.rows(of: index).lowerBound % 32 == 0)
      let band = try bands.read(index, team: team)
      #expect(band.rows == bands.rows(of: index).count && band.columns == bands.columnCount)
      values += Self.values(band)
    }
    #expect(bands.rows(of: bands.count - 1).upperBound == bands.rowCount)
    return values
  }

  @Test(arguments: [
    WeightFormat.bf16, .int8(), .int8(group: 64), .int4(group: 32), .int4(group: 64, isSymmetric: false),
    .int8(isSymmetric: false, scaleType: .float16),
  ])
  func ofAPack(_ format: WeightFormat) throws {
    // Large enough that its streams have several frames.
    let layer = LayerShape(queryHeadCount: 2, keyValueHeadCount: 1, intermediateSize: 64)
    let configuration = ModelConfiguration(
      hiddenSize: 1024, headSize: 64, vocabularySize: 5003, tiesEmbeddings: true, layers: [layer])
    let model = try Model(
      configuration: configuration,
      source: RandomWeights(format: format, embeddingFormat: format, seed: 3, team: team))
    let path = folder.path + "/m.quire"
    let writer = try PackWriter(path: path)
    try writer.add(model)
    try writer.finish(manifest: PackManifest(members: ["configuration": configuration.json]))
    let pack = try PackReader(path: path)
    let whole = Self.values(model.embedding)
    for bandBytes in [1, 100_000, 3 << 20, MatrixBands.bandBytes] {
      let bands = try MatrixBands(.embedding, of: configuration, in: .pack(pack), bandBytes: bandBytes)
      #expect(bands.format == format && (bands.element == nil) == (format != .bf16))
      #expect(try joined(bands) == whole, "\(bandBytes)")
    }
    guard case .quantized(let matrix) = model.embedding else { return }
    let bands = try MatrixBands(.embedding, of: configuration, in: .pack(pack))
    let scales = try #require(try bands.scales(team: team))
    withExtendedLifetime((scales, matrix)) {
      #expect(Array(scales.bytes.bindMemory(to: UInt16.self)) == Array(matrix.scales))
    }
  }

  @Test(arguments: ["BF16", "F16", "F32"])
  func ofACheckpoint(_ element: String) throws {
    let checkpoint = TemporaryFolder()
    TinyCheckpoint(vocabularySize: 700, layerCount: 1, element: element).write(to: checkpoint)
    let loader = try LayerLoader(Checkpoint(path: checkpoint.path))
    let whole = try loader.embedding(of: loader.configuration)
    for bandBytes in [1, 20_000, MatrixBands.bandBytes] {
      let bands = try MatrixBands(
        .embedding, of: loader.configuration, in: .checkpoint(loader), bandBytes: bandBytes)
      #expect(try joined(bands) == Self.values(whole))
      #expect(try bands.scales(team: team) == nil)
    }
  }

  @Test func aTensorOfAnotherShapeIsRefused() throws {
    let layer = LayerShape(queryHeadCount: 2, keyValueHeadCount: 1, intermediateSize: 64)
    let configuration = ModelConfiguration(
      hiddenSize: 64, headSize: 32, vocabularySize: 40, tiesEmbeddings: true, layers: [layer])
    let writer = try PackWriter(path: folder.path + "/s.quire")
    try writer.add(
      Model(
        configuration: configuration,
        source: RandomWeights(format: .int8(), embeddingFormat: .int8(), seed: 1, team: team)))
    try writer.finish(manifest: PackManifest(members: ["configuration": configuration.json]))
    let pack = try PackReader(path: folder.path + "/s.quire")
    let other = ModelConfiguration(
      hiddenSize: 64, headSize: 32, vocabularySize: 41, tiesEmbeddings: true, layers: [layer])
    #expect(throws: ModelError.self) { try MatrixBands(.embedding, of: other, in: .pack(pack)) }
    #expect(throws: ModelError.self) { try MatrixBands(.head, of: configuration, in: .pack(pack)) }
  }
}
