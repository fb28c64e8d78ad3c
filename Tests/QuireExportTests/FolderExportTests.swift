import Foundation
import QuireExport
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText
import TestSupport
import Testing

/// compressed-tensors and safetensors, read back and compared with the model.
@Suite struct FolderExportTests {
  private let folder = TemporaryFolder()

  private func export(
    _ sample: SampleModel, _ options: ExportOptions, name: String = "out"
  ) throws -> (exported: ExportedFolder, model: Model) {
    let source = try sample.write(to: folder)
    let plan = try ExportPlan(source, options: options, compute: Compute(threadCount: 2))
    let path = folder.path + "/" + name
    try Exporter(plan).check(path, replaces: false)
    try Exporter(plan).write(to: path, replaces: false)
    return (try ExportedFolder(path), try sample.model())
  }

  @Test(arguments: [
    WeightFormat.int4(group: 32), .int4(group: 64), .int4(group: 128), .int8(group: 32), .int8(group: 128),
    .int8(),
  ])
  func compressedTensorsKeepsCodesAndScales(_ format: WeightFormat) throws {
    let (exported, model) = try export(
      SampleModel(format: { _ in format }), ExportOptions(format: .compressedTensors))
    for layer in 0..<2 {
      for part in LayerTensor.projections {
        let name = TensorName.layer(layer, part)
        let matrix = model.matrix(name)
        let scale = try exported.tensor(name.string + "_scale")
        #expect(scale.shape == [matrix.rows, matrix.columns / (format.group ?? matrix.columns)])
        #expect(try exported.floats(name.string + "_scale") == matrix.scales)
        guard format.group != nil else {
          let codes = try exported.tensor(name.string)
          #expect(codes.element == .int8 && codes.shape == [matrix.rows, matrix.columns])
          #expect(codes.bytes.map { Int8(bitPattern: $0) } == matrix.codes)
          continue
        }
        let bits = format.scheme == .int4 ? 4 : 8
        #expect(try exported.packedCodes(name.string + "_packed", bits: bits) == matrix.codes)
        let shape = try exported.tensor(name.string + "_shape")
        #expect(numbers(shape.bytes, Int64.self) == [Int64(matrix.rows), Int64(matrix.columns)])
      }
    }
    let norm = TensorName.layer(1, .queryNorm)
    #expect(try exported.floats(norm.string) == model.norm(norm).array)
  }

  @Test func embeddingAndHeadAreDequantized() throws {
    let sample = SampleModel(format: { _ in .int8() })
    for (element, name) in [(ElementType.bfloat16, "b"), (.float32, "f")] {
      let (exported, model) = try export(
        sample, ExportOptions(format: .compressedTensors, element: element), name: name)
      for table in [TensorName.embedding, .head] {
        let exact = model.matrix(table).values
        let expected = element == .float32 ? exact : exact.map(\.roundedToBfloat16)
        #expect(try exported.floats(table.string) == expected)
      }
    }
    let plan = try ExportPlan(
      sample.write(to: folder), options: ExportOptions(format: .compressedTensors),
      compute: Compute(threadCount: 1))
    #expect(plan.text.contains("dequantized: embed_tokens and lm_head, 80.6 kB more"))
    #expect(plan.text.contains("rounded: 164 kB of weights are rounded to bf16"))
  }

  @Test func aTiedModelHasNoHead() throws {
    let (exported, _) = try export(
      SampleModel(configuration: SampleModel.configuration(tiesEmbeddings: true)),
      ExportOptions(format: .compressedTensors))
    #expect(!exported.names.contains { $0.hasPrefix("lm_head") })
    let configuration = try exported.json("config.json")
    #expect(configuration["tie_word_embeddings"] == true)
    #expect(configuration["quantization_config"]?["ignore"] == ["lm_head"])
  }

  @Test func oneSchemeIsOneGroup() throws {
    let (exported, _) = try export(
      SampleModel(format: { _ in .int8() }), ExportOptions(format: .compressedTensors))
    let quantization = try #require(try exported.json("config.json")["quantization_config"])
    #expect(quantization["format"] == "int-quantized" && quantization["ignore"] == ["lm_head"])
    let group = quantization["config_groups"]?["group_0"]
    #expect(group?["targets"] == ["Linear"])
    #expect(group?["weights"]?["strategy"] == "channel" && group?["weights"]?["num_bits"] == 8)
    #expect(group?["input_activations"]?["strategy"] == "token")
    #expect(group?["input_activations"]?["dynamic"] == true)
  }

  @Test func mixedSchemesAreGroupsWithTheirModules() throws {
    let sample = SampleModel(format: { name in
      switch name {
      case .layer(_, .outputProjection): .int8()
      case .layer(0, .downProjection): .bf16
      case .layer(_, .gateProjection), .layer(_, .upProjection): .int8(group: 64)
      case .head: .int8()
      default: .int4(group: 32)
      }
    })
    let (exported, _) = try export(sample, ExportOptions(format: .compressedTensors, keepsHead: true))
    let quantization = try #require(try exported.json("config.json")["quantization_config"])
    #expect(quantization["format"] == "mixed-precision")
    #expect(quantization["ignore"] == ["model.layers.0.mlp.down_proj"])
    let groups = (0..<3).map { quantization["config_groups"]?["group_\($0)"] }
    #expect(
      groups[0]?["targets"] == [
        #"re:.*\.self_attn\.q_proj$"#, #"re:.*\.self_attn\.k_proj$"#, #"re:.*\.self_attn\.v_proj$"#,
        "model.layers.1.mlp.down_proj",
      ])
    #expect(groups[0]?["format"] == "pack-quantized" && groups[0]?["weights"]?["group_size"] == 32)
    #expect(groups[1]?["targets"] == [#"re:.*\.self_attn\.o_proj$"#, "lm_head"])
    #expect(groups[1]?["format"] == "int-quantized")
    #expect(groups[2]?["weights"]?["num_bits"] == 8 && groups[2]?["weights"]?["group_size"] == 64)
    #expect(exported.names.contains("lm_head.weight_scale"))
  }

  @Test func differentSchemesInOneFusedLayerAreNamed() throws {
    let sample = SampleModel(format: { $0 == .layer(1, .keyProjection) ? .int8() : .int4(group: 32) })
    let plan = try ExportPlan(
      sample.write(to: folder), options: ExportOptions(format: .compressedTensors),
      compute: Compute(threadCount: 1))
    #expect(plan.text.contains("refuse different schemes in them, which 1 of 2 layers have"))
  }

  @Test func plainFloatsAreExactInFloat32() throws {
    let sample = SampleModel(format: { $0 == .embedding ? .int8() : .int4(group: 64) })
    for (element, name) in [(ElementType.float32, "f"), (.bfloat16, "b")] {
      let (exported, model) = try export(
        sample, ExportOptions(format: .safetensors, element: element), name: name)
      for name in model.configuration.tensorNames where !name.isNorm {
        let exact = model.matrix(name).values
        let expected = element == .float32 ? exact : exact.map(\.roundedToBfloat16)
        #expect(try exported.floats(name.string) == expected, "\(name)")
      }
      // It is a checkpoint, so Quire itself reads it.
      let source = try ModelSource(path: exported.path)
      #expect(try source.configuration() == model.configuration)
      #expect(try source.tokenizer().vocabularySize == TinyTokenizer.vocabularySize)
      #expect(try source.generationConfiguration()?["top_k"] == 20)
      #expect(try exported.json("tokenizer_config.json")["chat_template"] == "{{ messages }}")
    }
  }

  @Test func aCheckpointIsExportedToo() throws {
    let checkpoint = TemporaryFolder()
    TinyCheckpoint(element: "F16").write(to: checkpoint)
    let source = try ModelSource(path: checkpoint.path)
    let options = ExportOptions(format: .safetensors, element: .float32)
    let plan = try ExportPlan(source, options: options, compute: Compute(threadCount: 1))
    #expect(plan.text.contains("float16") && !plan.text.contains("rounded:"))
    try Exporter(plan).write(to: folder.path + "/f", replaces: false)
    let model = try source.load(team: ThreadTeam(threadCount: 1))
    let exported = try ExportedFolder(folder.path + "/f")
    #expect(try exported.floats(TensorName.embedding.string) == model.embedding.values)
    #expect(throws: ExportError.notQuantized(path: checkpoint.path, storesCodes: false)) {
      try ExportPlan(
        source, options: ExportOptions(format: .compressedTensors), compute: Compute(threadCount: 1))
    }
  }

  @Test func shardsKeepMatricesWholeAndTensorsAligned() throws {
    let plan = try ExportPlan(
      SampleModel().write(to: folder), options: ExportOptions(format: .compressedTensors),
      compute: Compute(threadCount: 1))
    let layout = ShardLayout(plan.tensors, shardBytesMax: 100_000)
    #expect(layout.shards.count > 2 && layout.shards.allSatisfy { $0.byteCount <= 100_000 })
    #expect(layout.shards[0].name == "model-00001-of-0000\(layout.shards.count).safetensors")
    for shard in layout.shards {
      let sizes = shard.tensors.map(\.output.element.byteCount)
      #expect(sizes == sizes.sorted(by: >))
      for tensor in shard.tensors {
        #expect(
          tensor.planned.outputs.allSatisfy { output in shard.tensors.contains { $0.output == output } })
      }
    }
    let map = try #require(layout.index?["weight_map"]?.objectValue)
    #expect(map.count == plan.tensors.reduce(0) { $0 + $1.outputs.count })
    #expect(
      ShardLayout(plan.tensors).index == nil
        && ShardLayout(plan.tensors).shards[0].name == "model.safetensors")
  }
}
