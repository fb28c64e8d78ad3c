import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuireCalibration
import QuireConversion
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

/// Statistics files that must not be believed, and sums that must be told.
@Suite struct StatisticsFileTests {
  private let bench = CalibratedConversion()
  private var path: String { bench.folder.path + "/s.safetensors" }

  /// A file of statistics of the checkpoint in the bench's folder; `change` may spoil a Gram matrix.
  private func write(
    deviation: Double = 0, change: (GramMatrix) -> Void = { _ in }
  ) throws {
    TinyCheckpoint().write(to: bench.folder)
    let loader = try LayerLoader(Checkpoint(path: bench.folder.path))
    let layout = StatisticsLayout(loader.configuration)
    let text = StatisticsOrigin.Text(
      source: "text", windows: 1, tokens: 100, seed: 1, mode: "as-written", hash: "0")
    let writer = try StatisticsWriter(
      path: path, layout: layout,
      origin: .init(
        checkpoint: StatisticsOrigin.fingerprint(loader), texts: [text], toolVersion: "test"))
    let widths: [ActivationSite: Int] = [
      .attentionInput: 64, .attentionOutput: 128, .mlpInput: 64, .mlpOutput: 128,
    ]
    for _ in 0..<2 {
      try writer.add(
        widths.mapValues { width in
          let gram = GramMatrix(
            order: width, values: HostBuffer(count: width * width),
            magnitudes: .init(
              means: [Float](repeating: 1, count: width), maxima: [Float](repeating: 2, count: width)),
            deviation: deviation)
          for index in 0..<width { gram.view[index, index] = 1 }
          change(gram)
          return gram
        }, meanSquare: 64)
    }
    try writer.finish()
  }

  /// The sentence with which a conversion refuses the file.
  private func refusal() throws -> String {
    let step = RecipeStep.quantize(.init(target: .int4(group: 32), method: .gptq))
    let recipe = bench.recipe([step])
    var settings = recipe.calibration
    settings.statistics = "s.safetensors"
    let error = #expect(throws: ConversionError.self) {
      try bench.converter(recipe.replacingCalibration(settings)).run(output: bench.output, resumes: false)
    }
    #expect(!FileManager.default.fileExists(atPath: bench.output))
    return try #require(error).description
  }

  private func edit(_ change: (inout Data) throws -> Void) throws {
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    try change(&data)
    bench.folder.write(data, to: "s.safetensors")
  }

  private static let damaged = "is damaged; copy it again, or collect it again with quire calibrate"

  @Test func anyByteThatIsFlippedIsNoticed() throws {
    try write()
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    let header = 8 + Int(whole[0]) + Int(whole[1]) << 8
    // In the texts' metadata: still valid JSON.
    try edit { data in
      let place = try #require(data.range(of: Data("as-written".utf8)))
      data[place.lowerBound] = UInt8(ascii: "A")
    }
    #expect(try refusal() == "the statistics file \(path) " + Self.damaged)
    var generator = SeededGenerator(seed: 2)
    // Behind the first layer's mean square, which this recipe does not read.
    for place in [header + 4, whole.count - 1]
      + (0..<6).map({ _ in Int.random(in: header + 4..<whole.count, using: &generator) })
    {
      bench.folder.write(whole, to: "s.safetensors")
      try edit { $0[place] ^= 0x10 }
      #expect(try refusal().hasPrefix("the statistics file \(path) is damaged"), "\(place)")
    }
    for length in [0, 7, 100, header - 1, header + 1000, whole.count - 1] {
      bench.folder.write(whole.prefix(length), to: "s.safetensors")
      let sentence = try refusal()
      #expect(sentence.hasPrefix("the statistics file \(path) is damaged or of another kind: "), "\(length)")
      #expect(sentence.hasSuffix("; copy it again, or collect it again with quire calibrate"))
    }
    bench.folder.write(whole + [0], to: "s.safetensors")
    #expect(try refusal().hasPrefix("the statistics file \(path) is damaged or of another kind: "))
  }

  @Test func whatIsNoNumberIsRefused() throws {
    for value in [Float.nan, .infinity, -1] {
      try write { $0.view[3, 3] = value }
      #expect(
        try refusal() == "the statistics file \(path) has a NaN, an infinity or a negative mean square at "
          + "model.layers.0.self_attn.q_proj.weight.gram; check the checkpoint's files and collect it again")
    }
  }

  @Test func filesOfSomethingElseAreRefused() throws {
    try write()
    try FileManager.default.removeItem(atPath: path)
    #expect(
      try refusal()
        == "the statistics file \(path) cannot be read: no such file or directory; check the path")
    try FileManager.default.copyItem(atPath: bench.folder.path + "/model.safetensors", toPath: path)
    #expect(try refusal().hasPrefix("the statistics file \(path) holds no statistics: expected a file that"))
    try write()
    try edit { data in
      let place = try #require(data.range(of: Data("\"version\":\"1\"".utf8)))
      data[place.upperBound - 2] = UInt8(ascii: "2")
    }
    #expect(try refusal().hasPrefix("the statistics file \(path) is of version 2, expected 1; "))
  }

  @Test func filesOfOtherWeightsAreRefused() throws {
    try write()
    TinyCheckpoint(seed: 2).write(to: bench.folder)
    #expect(
      try refusal() == "the statistics file \(path) was collected on other weights than those of "
        + "\(bench.folder.path); collect statistics of this checkpoint with quire calibrate")
    TinyCheckpoint(layerCount: 3).write(to: bench.folder)
    #expect(
      try refusal()
        == "the statistics file \(path) is of a model of another shape: expected 3 layers with inputs "
        + "of 64, 128, 64, 128 as \(bench.folder.path) has, found 2 layers with inputs of 64, 128, 64, 128; "
        + "collect statistics of this checkpoint with quire calibrate")
  }

  @Test func filesOfOtherWeightsAreNotMerged() throws {
    try write()
    let first = bench.folder.path + "/first.safetensors"
    try FileManager.default.moveItem(atPath: path, toPath: first)
    func refusal(_ checkpoint: TinyCheckpoint) throws -> String? {
      checkpoint.write(to: bench.folder)
      let collector = try StatisticsCollector(
        Checkpoint(path: bench.folder.path), bench.recipe([]).calibration,
        relativeTo: bench.folder.path + "/",
        compute: bench.compute, toolVersion: "test")
      _ = try collector.run(output: path)
      let error = #expect(throws: CalibrationError.self) { try StatisticsMerger(paths: [first, path]) }
      return error?.description
    }
    #expect(
      try refusal(TinyCheckpoint(seed: 2))
        == "the statistics file \(path) was collected on other weights than "
        + "\(first); merge files of one checkpoint")
    #expect(
      try refusal(TinyCheckpoint(layerCount: 1))?.hasPrefix(
        "the statistics file \(path) is of a model of another shape than \(first): expected 2 layers") == true
    )
  }

  /// A copy of the folder and other shards are the same weights; one changed row of one matrix is not.
  @Test func weightsAreKnownByTheirBytes() throws {
    func fingerprint(_ tiny: TinyCheckpoint) throws -> String {
      let folder = TemporaryFolder()
      tiny.write(to: folder)
      return try StatisticsOrigin.fingerprint(LayerLoader(Checkpoint(path: folder.path)))
    }
    let known = try fingerprint(TinyCheckpoint())
    #expect(try fingerprint(TinyCheckpoint(shardCount: 3)) == known)
    #expect(try fingerprint(TinyCheckpoint(seed: 2)) != known)
    #expect(try fingerprint(TinyCheckpoint(element: "F32")) != known)
    // A matrix that is only looked at in places.
    let wide = TinyCheckpoint(vocabularySize: 4096)
    #expect(try fingerprint(wide) == fingerprint(wide))
    var other = wide
    other.seed = 2
    #expect(try fingerprint(other) != fingerprint(wide))
  }

  @Test func sumsInFloat64AreCompared() throws {
    let (order, rows) = (600, 64)
    var generator = SeededGenerator(seed: 9)
    let inputs = HostBuffer(generator.gaussians(rows * order, scale: 2))
    let view = MatrixView(inputs, rows: rows, columns: order)
    let mean = HostBuffer<Float>(count: order * order)
    DenseAlgebra.multiply(
      view, view, transposing: .left, alpha: 1 / Float(rows),
      into: MatrixView(mean, rows: order, columns: order))
    let check = GramCheck(order: order)
    check.add(MatrixView(inputs.pointer, rows: 40, columns: order))
    check.add(MatrixView(inputs.pointer + 40 * order, rows: 24, columns: order))
    let right = check.deviation(of: mean, rowCount: rows)
    #expect(right > 0 && right < 1e-6)
    // A tile that was not added up in one of the batches.
    for row in 256..<512 { for column in 512..<600 { mean.pointer[row * order + column] *= 0.9 } }
    #expect(check.deviation(of: mean, rowCount: rows) > GramCheck.limit)
    mean.pointer[31 * order + 31] = .nan
    #expect(check.deviation(of: mean, rowCount: rows).isNaN)
  }

  @Test func sumsThatDifferAreToldInTheStepsRow() throws {
    try write(deviation: 0.01)
    var settings = bench.recipe([]).calibration
    settings.statistics = path
    let steps: [RecipeStep] = [
      .smooth(.init(method: .smoothQuant(alpha: 0.5))),
      .quantize(.init(target: .int8(), scaleSearch: .activations)),
    ]
    let recipe = bench.recipe(steps).replacingCalibration(settings)
    let report = try bench.converter(recipe).run(output: bench.output)
    for row in report.rows.dropFirst() {
      #expect(row.notes.count == 8)
      #expect(
        row.notes.first
          == "the statistics of the attentionInput of layer 0 differ by 0.01 of their size from sums in float64, "
          + "expected at most 0.0001; run again, and if it stays, check the OpenBLAS library")
      #expect(row.json["notes"]?.arrayValue?.count == 8)
    }
  }
}
