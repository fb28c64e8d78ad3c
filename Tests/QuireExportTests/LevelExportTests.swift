import QuireCheckpoints
import QuireExport
import QuireModel
import QuireModelFiles
import QuireTensors
import TestSupport
import Testing

/// Exports of nl4 and nl3: what holds them exactly, and what says that it cannot.
@Suite struct LevelExportTests {
  private let folder = TemporaryFolder()

  private func plan(_ format: WeightFormat, _ options: ExportOptions, name: String = "m.quire") throws
    -> ExportPlan
  {
    let source = try SampleModel(format: { $0 == .embedding || $0 == .head ? .int8() : format })
      .write(to: folder, name: name)
    return try ExportPlan(source, options: options, compute: Compute(threadCount: 2))
  }

  private func message(_ format: WeightFormat) throws -> String? {
    do {
      _ = try plan(format, ExportOptions(format: .compressedTensors))
      return nil
    } catch let error as ExportError { return error.description }
  }

  @Test func compressedTensorsRefuses() throws {
    let expected =
      "expected weights that are multiples of a scale, which is all that compressed-tensors can describe, "
    let tensor = "in model.layers.0.self_attn.q_proj.weight; choose "
    #expect(
      try message(.nl4(group: 64)) == expected + "found the levels of nl4 g64 \(tensor)"
        + "--format gguf, whose IQ4_NL holds them exactly, or --format safetensors, which stores plain floats"
    )
    #expect(
      try message(.nl3(group: 32)) == expected + "found the levels of nl3 g32 \(tensor)"
        + "--format safetensors, which stores plain floats")
  }

  /// Blocks as ggml has them: a float16 scale, then two codes a byte, of values j and j + 16.
  @Test(arguments: [WeightFormat.nl4(group: 32), .nl4(group: 128), .nl4(group: 64, scaleType: .float16)])
  func blocksHaveGGMLsBytes(format: WeightFormat) throws {
    let plan = try plan(format, ExportOptions(format: .gguf))
    #expect(plan.text.contains("IQ4_NL") && !plan.text.contains("rounded"))
    let path = folder.path + "/out.gguf"
    try Exporter(plan).write(to: path, replaces: true)
    let image = try GGUFImage(path: path)
    let model = try SampleModel(format: { $0 == .embedding || $0 == .head ? .int8() : format }).model()
    let matrix = model.matrix(.layer(1, .downProjection))
    let entry = try #require(image.entries["blk.1.ffn_down.weight"])
    #expect(entry.type == 20)
    guard case .quantized(let quantized) = matrix else {
      Issue.record("expected codes")
      return
    }
    let (codes, columns) = (quantized.decodedCodes(), matrix.columns)
    var bytes: [UInt8] = []
    for row in 0..<matrix.rows {
      for block in 0..<columns / 32 {
        let half = quantized.scale(row: row, group: block * 32 / (format.group ?? 32)).halfBits
        bytes += [UInt8(half & 0xFF), UInt8(half >> 8)]
        for j in 0..<16 {
          let first = row * columns + block * 32 + j
          bytes.append(UInt8(codes[first] + 8) | UInt8(codes[first + 16] + 8) << 4)
        }
      }
    }
    #expect(image.bytes[(image.dataStart + entry.offset)...].prefix(bytes.count).elementsEqual(bytes))
    // Half of the scales are negative.
    #expect(quantized.scales.contains { $0 & 0x8000 != 0 } && quantized.scales.contains { $0 & 0x8000 == 0 })
  }

  @Test func otherFormatsHoldTheValues() throws {
    let plan = try plan(.nl3(group: 64), ExportOptions(format: .gguf))
    #expect(plan.text.contains("or the levels of nl3; --gguf-type chooses their type"))
    let path = folder.path + "/nl3.gguf"
    try Exporter(plan).write(to: path, replaces: true)
    let floats = folder.path + "/floats"
    var options = ExportOptions(format: .safetensors)
    options.element = .float32
    try Exporter(try self.plan(.nl3(group: 64), options)).write(to: floats, replaces: true)
    let model = try SampleModel(format: { $0 == .embedding || $0 == .head ? .int8() : .nl3(group: 64) })
      .model()
    for exported in [path, floats] {
      let read = try ModelSource(path: exported).load(team: ThreadTeam(threadCount: 1))
      for name in model.configuration.tensorNames where !name.isNorm {
        #expect(read.matrix(name).values == model.matrix(name).values, "\(name)")
      }
    }
  }
}
