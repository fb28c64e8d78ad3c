import QuireExport
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireTensors
import TestSupport
import Testing

/// Models with zero points and with float16 scales, read back from every format.
@Suite struct ZeroPointExportTests {
  private let folder = TemporaryFolder()

  private func write(_ sample: SampleModel, _ options: ExportOptions) throws -> (
    plan: ExportPlan, path: String
  ) {
    let source = try sample.write(to: folder)
    let plan = try ExportPlan(source, options: options, compute: Compute(threadCount: 2))
    let path = folder.path + "/out"
    try Exporter(plan).write(to: path, replaces: true)
    return (plan, path)
  }

  private func quantized(_ model: Model, _ name: TensorName) throws -> QuantizedMatrix {
    guard case .quantized(let matrix) = model.matrix(name) else {
      throw TensorError.format("\(name) is dense")
    }
    return matrix
  }

  @Test(arguments: [
    WeightFormat.int4(group: 32, isSymmetric: false),
    .int4(group: 128, isSymmetric: false, scaleType: .float16),
    .int8(group: 64, isSymmetric: false), .int8(isSymmetric: false), .int4(group: 64, scaleType: .float16),
  ])
  func compressedTensorsKeepsCodesZerosAndScales(_ format: WeightFormat) throws {
    let sample = SampleModel(format: { $0 == .embedding || $0 == .head ? .int8() : format })
    let (plan, path) = try write(sample, ExportOptions(format: .compressedTensors))
    let (exported, model) = (try ExportedFolder(path), try sample.model())
    let bits = format.scheme == .int4 ? 4 : 8
    for part in LayerTensor.projections {
      let name = TensorName.layer(1, part)
      let matrix = try quantized(model, name)
      #expect(try exported.packedCodes(name.string + "_packed", bits: bits) == matrix.decodedCodes().array)
      let scale = try exported.tensor(name.string + "_scale")
      #expect(scale.element == (format.scaleType == .float16 ? .float16 : .bfloat16))
      #expect(try exported.floats(name.string + "_scale") == matrix.decodedScales())
      guard !format.isSymmetric else {
        #expect(!exported.names.contains(name.string + "_zero_point"))
        continue
      }
      let zeros = try exported.tensor(name.string + "_zero_point")
      let (rowsPerWord, groups) = (32 / bits, matrix.groupCount)
      #expect(zeros.element == .int32 && zeros.shape == [matrix.rows / rowsPerWord, groups])
      let words = numbers(zeros.bytes, UInt32.self)
      let found = (0..<matrix.rows * groups).map { index in
        let (row, group) = (index / groups, index % groups)
        let word = words[row / rowsPerWord * groups + group]
        return UInt8(truncatingIfNeeded: word >> UInt32(row % rowsPerWord * bits))
          & format.largestUnsignedCode
      }
      #expect(found == matrix.decodedZeros())
    }
    let configuration = try exported.json("config.json")
    let weights = configuration["quantization_config"]?["config_groups"]?["group_0"]?["weights"]
    #expect(weights?["symmetric"] == .bool(format.isSymmetric))
    #expect(weights?["strategy"] == (format.group == nil ? "channel" : "group"))
    #expect(configuration["torch_dtype"] == (format.scaleType == .float16 ? "float16" : "bfloat16"))
    #expect(plan.text.contains("zero points: 14 matrices have them") == !format.isSymmetric)
    #expect(plan.text.contains("config.json names float16") == (format.scaleType == .float16))
  }

  @Test func ggufHoldsFourBitsWithZerosAsQ8() throws {
    let sample = SampleModel(format: { name in
      switch name {
      case .embedding, .head: .int8()
      case .layer(_, .downProjection): .int8(group: 64, isSymmetric: false)
      case .layer(_, .upProjection): .int4(group: 64, scaleType: .float16)
      case .layer(_, .outputProjection): .int4(isSymmetric: false, scaleType: .float16)
      default: .int4(group: 32, isSymmetric: false)
      }
    })
    let (plan, path) = try write(sample, ExportOptions(format: .gguf))
    let (image, model) = (try GGUFImage(path: path), try sample.model())
    let types = ["attn_q": 8, "attn_output": 8, "ffn_up": 2, "ffn_down": 0]
    for (name, type) in types {
      #expect(image.entries["blk.0.\(name).weight"]?.type == UInt32(type), "\(name)")
    }
    for name in model.configuration.tensorNames where !name.isNorm {
      #expect(image.values(name.gguf) == model.matrix(name).values, "\(name)")
    }
    #expect(plan.text.contains("zero points: 10 int4 matrices become Q8_0"))
    #expect(plan.text.contains("8-bit codes with zero points"))
  }

  @Test(arguments: [
    WeightFormat.int4(group: 32, isSymmetric: false), .int8(isSymmetric: false, scaleType: .float16),
    .nl4(group: 32), .nl3(group: 32),
  ])
  func filledModelsKeepTheirWeights(_ format: WeightFormat) throws {
    let sample = SampleModel(
      configuration: SampleModel.configuration(layers: SampleModel.prunedLayers), format: { _ in format })
    let (_, path) = try write(
      sample, ExportOptions(format: .safetensors, element: .float32, fillsPruned: true))
    let (exported, model) = (try ExportedFolder(path), try sample.model())
    let output = try exported.floats(TensorName.layer(0, .outputProjection).string)
    let stored = model.matrix(.layer(0, .outputProjection)).values
    // Query head 1 is zeros; heads 1 and 2 become 2 and 3.
    for row in [0, 127] {
      let (filled, own) = (
        Array(output[row * 128..<(row + 1) * 128]), Array(stored[row * 96..<(row + 1) * 96])
      )
      #expect(filled[0..<32] == own[0..<32] && filled[32..<64].allSatisfy { $0 == 0 })
      #expect(Array(filled[64...]) == Array(own[32...]))
    }
    let query = try exported.floats(TensorName.layer(0, .queryProjection).string)
    #expect(query[32 * 128..<64 * 128].allSatisfy { $0 == 0 })
    #expect(
      Array(query[..<(32 * 128)]) == Array(model.matrix(.layer(0, .queryProjection)).values[..<(32 * 128)]))
  }

  @Test func safetensorsAreTheDequantizedWeights() throws {
    let sample = SampleModel(format: { _ in .int4(isSymmetric: false, scaleType: .float16) })
    let (_, path) = try write(sample, ExportOptions(format: .safetensors, element: .float32))
    let (exported, model) = (try ExportedFolder(path), try sample.model())
    for name in [TensorName.embedding, .layer(1, .gateProjection)] {
      #expect(try exported.floats(name.string) == model.matrix(name).values)
    }
  }
}
