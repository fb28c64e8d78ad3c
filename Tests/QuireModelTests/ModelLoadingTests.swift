import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuirePacks
import QuireTensors
import TestSupport
import Testing

@Suite struct ModelLoadingTests {
  private let prompt: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9]

  private func load(_ checkpoint: TinyCheckpoint) throws -> Model {
    let folder = TemporaryFolder()
    checkpoint.write(to: folder)
    return try Model(checkpoint: Checkpoint(path: folder.path))
  }

  @Test func shardsAndOneFileAreTheSameModel() throws {
    let one = try load(TinyCheckpoint())
    let sharded = try load(TinyCheckpoint(shardCount: 4))
    #expect(one.logits(prompt) == sharded.logits(prompt))
    #expect(one.configuration == TinyCheckpoint().configuration.withTokens(of: one.configuration))
  }

  @Test func tiedModelsUseTheEmbeddingAsHead() throws {
    let model = try load(TinyCheckpoint(tiesEmbeddings: true))
    #expect(model.weightBytes < (try load(TinyCheckpoint())).weightBytes)
    guard case .dense(let embedding) = model.embedding, case .dense(let head) = model.head else {
      Issue.record("not dense")
      return
    }
    #expect(embedding === head)
  }

  @Test func layersLoadAloneAsInTheWholeModel() throws {
    let folder = TemporaryFolder()
    TinyCheckpoint(layerCount: 3).write(to: folder)
    let checkpoint = try Checkpoint(path: folder.path)
    let model = try Model(checkpoint: checkpoint)
    let loader = try LayerLoader(checkpoint)
    for index in 0..<3 {
      let layer = try loader.layer(index)
      #expect(layer.shape == model.configuration.layers[index])
      for tensor in LayerTensor.allCases {
        #expect(
          tensor.isNorm
            ? layer[norm: tensor].elements == model.layers[index][norm: tensor].elements
            : layer[tensor].dequantized(kernels: Kernels(.portable)).elements
              == model.layers[index][tensor].dequantized(kernels: Kernels(.portable)).elements)
      }
    }
  }

  // MARK: Packs

  /// Models whose packs must give back every bit: formats, element types, ties and pruned layers.
  private func packedModels() throws -> [Model] {
    let checkpoint = TinyCheckpoint(hiddenSize: 128, intermediateSize: 256, headSize: 64)
    var source = ArrayWeights(checkpoint)
    var models: [Model] = []
    for format in [WeightFormat.bf16, .int8(), .int8(group: 64), .int4(group: 32), .int4()] {
      source.format = format
      models.append(try Model(configuration: checkpoint.configuration, source: source))
    }
    for format in [WeightFormat.int4(isSymmetric: false), .int8(isSymmetric: false, scaleType: .float16)] {
      models.append(
        try Model.random(
          checkpoint.configuration, format: format, embeddingFormat: format, seed: 3,
          team: ThreadTeam(threadCount: 1)))
    }
    source.format = .int4()
    source.embeddingFormat = .int8(group: 128)
    models.append(try Model(configuration: checkpoint.configuration, source: source))
    let pruned = [
      LayerShape(keyValueHeadCount: 2, keyValueHeadOfQueryHead: [1, 0, 1], intermediateSize: 96),
      LayerShape(queryHeadCount: 1, keyValueHeadCount: 1, intermediateSize: 32),
    ]
    models.append(
      try Model.random(
        checkpoint.configuration.replacingLayers(pruned), format: .int4(group: 32),
        embeddingFormat: .bf16, seed: 4, team: ThreadTeam(threadCount: 1)))
    for element in ["F16", "F32", "BF16"] {
      models.append(try load(TinyCheckpoint(tiesEmbeddings: element == "F32", element: element)))
    }
    return models
  }

  @Test func packsGiveBackEveryBit() throws {
    let folder = TemporaryFolder()
    for (index, model) in try packedModels().enumerated() {
      let path = folder.path + "/\(index).quire"
      try write(model, to: path)
      for threadCount in [1, 3] {
        let read = try Model(pack: PackReader(path: path), team: ThreadTeam(threadCount: threadCount))
        #expect(read.configuration == model.configuration)
        #expect(read.weightBytes <= model.weightBytes)
        #expect(read.logits(prompt) == model.logits(prompt))
        for name in model.configuration.tensorNames where !name.isNorm {
          #expect(read.matrix(name).format == model.matrix(name).format)
        }
      }
    }
  }

  private func write(
    _ model: Model, to path: String, configuration: ModelConfiguration? = nil
  ) throws {
    let writer = try PackWriter(path: path)
    try writer.add(model)
    try writer.finish(
      manifest: PackManifest(members: ["configuration": (configuration ?? model.configuration).json]))
  }

  @Test func packsOfAnotherConfigurationAreRefused() throws {
    let folder = TemporaryFolder()
    let model = try load(TinyCheckpoint())
    let path = folder.path + "/model.quire"
    func refusal(_ configuration: ModelConfiguration) throws -> String {
      try write(model, to: path, configuration: configuration)
      do {
        _ = try Model(pack: PackReader(path: path), team: ThreadTeam(threadCount: 2))
        return "accepted"
      } catch let error as ModelError {
        return error.description
      }
    }
    let layer = model.configuration.layers[0]
    #expect(
      try refusal(model.configuration.replacingLayers([layer, layer, layer])).contains(
        "expected tensor model.layers.2.input_layernorm.weight in the pack"))
    let narrow = LayerShape(queryHeadCount: 4, keyValueHeadCount: 1, intermediateSize: 128)
    #expect(
      try refusal(model.configuration.replacingLayers([layer, narrow])).contains(
        "expected tensor model.layers.1.self_attn.k_proj.weight of shape [32, 64], found it of shape [64, 64]"
      ))
  }

  @Test func packsWithoutConfigurationAreRefused() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/model.quire"
    let writer = try PackWriter(path: path)
    try writer.finish(manifest: PackManifest())
    let pack = try PackReader(path: path)
    #expect(
      throws: ModelError.missingField(
        field: "\"configuration\" in the pack \(path)", expected: "an object")
    ) { try Model(pack: pack, team: ThreadTeam(threadCount: 1)) }
  }

  @Test func damageIsFoundWhileUnpacking() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/model.quire"
    try write(try load(TinyCheckpoint()), to: path)
    let pack = try PackReader(path: path)
    // The pack is open: a byte of the embedding's frame changes under it.
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    try handle.seek(toOffset: 4096)
    let byte = try #require(try handle.read(upToCount: 1))
    try handle.seek(toOffset: 4096)
    try handle.write(contentsOf: Data([byte[0] ^ 0x55]))
    try handle.close()
    #expect(throws: ModelError.self) { try Model(pack: pack, team: ThreadTeam(threadCount: 2)) }
  }

  // MARK: Random weights

  @Test func randomWeightsRunAndDoNotDependOnThreads() throws {
    let configuration = TinyCheckpoint(hiddenSize: 128, intermediateSize: 256).configuration
    for format in [WeightFormat.bf16, .int8(), .int4(group: 64)] {
      let models = try [1, 3].map { threadCount in
        try Model.random(
          configuration, format: format, embeddingFormat: .int8(group: 32), seed: 9,
          team: ThreadTeam(threadCount: threadCount))
      }
      let logits = models[0].logits(prompt)
      #expect(logits == models[1].logits(prompt))
      #expect(logits.allSatisfy { $0.isFinite })
      let largest = try #require(logits.map(abs).max())
      #expect((0.1...100).contains(largest), "logits of sane magnitude, found up to \(largest)")
      let other = try Model.random(
        configuration, format: format, embeddingFormat: .int8(group: 32), seed: 10,
        team: ThreadTeam(threadCount: 1))
      #expect(other.logits(prompt) != logits)
    }
  }

  @Test func randomWeightsNeedAWidthThatFits() {
    #expect(throws: ModelError.self) {
      try Model.random(
        TinyCheckpoint(hiddenSize: 96).configuration, format: .int4(), embeddingFormat: .bf16, seed: 1,
        team: ThreadTeam(threadCount: 1))
    }
  }

  @Test(arguments: [
    ("qwen3-0.6b", 596_049_920), ("qwen3-1.7b", 1_720_574_976), ("qwen3-4b", 4_022_468_096),
    ("qwen3-8b", 8_190_735_360), ("qwen3-14b", 14_768_307_200), ("qwen3-32b", 32_762_123_264),
  ])
  func publishedShapesHaveTheirParameters(name: String, parameterCount: Int) throws {
    let shape = try #require(PublishedShape(named: name))
    #expect(shape.configuration.parameterCount == parameterCount)
    #expect(PublishedShape(named: name + "x") == nil)
  }

  // MARK: Checkpoints that do not fit

  private func refusal(_ checkpoint: TinyCheckpoint, weights: TinyCheckpoint? = nil) -> String {
    let folder = TemporaryFolder()
    (weights ?? checkpoint).write(to: folder)
    folder.write(checkpoint.configurationText.utf8, to: "config.json")
    do {
      _ = try Model(checkpoint: Checkpoint(path: folder.path))
      return "accepted"
    } catch let error as ModelError {
      return error.description
    } catch {
      return "another error: \(error)"
    }
  }

  @Test func weightsOfAnotherShapeAreRefused() {
    let sentence = refusal(TinyCheckpoint(), weights: TinyCheckpoint(keyValueHeadCount: 1))
    #expect(sentence.contains("\"model.layers.0.self_attn.k_proj.weight\""))
    #expect(sentence.contains("[64, 64]") && sentence.contains("[32, 64]"))
    #expect(
      refusal(TinyCheckpoint(layerCount: 3), weights: TinyCheckpoint()).contains(
        "\"model.layers.2.input_layernorm.weight\""))
    #expect(
      refusal(TinyCheckpoint(), weights: TinyCheckpoint(tiesEmbeddings: true)).contains("\"lm_head.weight\""))
  }

  @Test func aHeadBesideTiedEmbeddingsIsAccepted() {
    #expect(refusal(TinyCheckpoint(tiesEmbeddings: true), weights: TinyCheckpoint()) == "accepted")
  }

  @Test func weightsOfIntegerTypeAreRefused() throws {
    let checkpoint = TinyCheckpoint()
    let folder = TemporaryFolder()
    checkpoint.write(to: folder)
    var image = SafetensorsImage()
    for entry in checkpoint.tensorShapes {
      if entry.name == "model.norm.weight" {
        image.add(entry.name, shape: entry.shape, [Int32](repeating: 1, count: entry.shape[0]))
      } else {
        image.add(
          entry.name, shape: entry.shape, element: "BF16",
          checkpoint.values(of: entry.name, shape: entry.shape))
      }
    }
    folder.write(image.bytes, to: "model.safetensors")
    let opened = try Checkpoint(path: folder.path)
    do {
      _ = try Model(checkpoint: opened)
      Issue.record("accepted")
    } catch {
      #expect("\(error)".contains("model.norm.weight"))
      #expect("\(error)".contains("I32 [64]"))
    }
  }
}

extension ModelConfiguration {
  /// The same with the special tokens of another.
  fileprivate func withTokens(of other: ModelConfiguration) -> ModelConfiguration {
    ModelConfiguration(
      hiddenSize: hiddenSize, headSize: headSize, vocabularySize: vocabularySize,
      rmsNormEpsilon: rmsNormEpsilon, rope: rope, tiesEmbeddings: tiesEmbeddings,
      maximumPositions: maximumPositions, beginOfSequenceID: other.beginOfSequenceID,
      endOfSequenceIDs: other.endOfSequenceIDs, layers: layers)
  }
}
