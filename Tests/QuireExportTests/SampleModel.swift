import Foundation
import QuireJSON
import QuireModel
import QuireModelFiles
import QuirePacks
import QuireTensors
import QuireText
import TestSupport

/// A small pack of random weights in any formats, with the tiny tokenizer.
struct SampleModel {
  var configuration = SampleModel.configuration()
  /// The format of each matrix.
  var format: @Sendable (TensorName) -> WeightFormat = { _ in .int4(group: 32) }

  /// generation_config.json.
  var generation: JSONValue? = [
    "temperature": 0.6, "top_k": 20, "top_p": 0.95, "eos_token_id": .int(TinyTokenizer.endOfTurn),
  ]
  /// Flags of the added tokens, by their texts.
  var tokenFlags: [String: String] = [:]

  static let headSize = 32

  static func configuration(
    hiddenSize: Int = 128, tiesEmbeddings: Bool = false,
    rope: RopeParameters = RopeParameters(theta: 1_000_000),
    endOfSequenceIDs: [Int] = [TinyTokenizer.endOfTurn],
    layers: [LayerShape]? = nil
  ) -> ModelConfiguration {
    let layer = LayerShape(queryHeadCount: 4, keyValueHeadCount: 2, intermediateSize: 256)
    return ModelConfiguration(
      hiddenSize: hiddenSize, headSize: headSize, vocabularySize: 320, rope: rope,
      tiesEmbeddings: tiesEmbeddings,
      maximumPositions: 512, beginOfSequenceID: Int32(TinyTokenizer.endOfText),
      endOfSequenceIDs: endOfSequenceIDs.map(Int32.init), layers: layers ?? [layer, layer])
  }

  /// Layers that were pruned differently: other counts in each, and KV heads with one and two query heads.
  static let prunedLayers = [
    LayerShape(keyValueHeadCount: 2, keyValueHeadOfQueryHead: [0, 1, 1], intermediateSize: 256),
    LayerShape(queryHeadCount: 2, keyValueHeadCount: 1, intermediateSize: 128),
  ]

  /// The model in memory; equal values every time.
  func model() throws -> Model {
    try Model(configuration: configuration, source: Weights(format: format))
  }

  /// Writes the pack into `folder`.
  @discardableResult
  func write(to folder: TemporaryFolder, name: String = "sample.quire") throws -> ModelSource {
    let texts = TemporaryFolder()
    TinyTokenizer.write(to: texts)
    try setFlags(in: texts)
    let tokenizer = try Tokenizer(folder: texts.path)
    let path = folder.path + "/" + name
    let writer = try PackWriter(path: path)
    try writer.add(model())
    var settings = tokenizer.configuration?.objectValue ?? JSONObject()
    settings["chat_template"] = "{{ messages }}"
    var members: JSONObject = [
      "configuration": configuration.json, "tokenizer": tokenizer.sourceJSON,
      "tokenizerConfiguration": .object(settings),
    ]
    members["generationConfiguration"] = generation
    try writer.finish(manifest: PackManifest(members: members))
    return try ModelSource(path: path)
  }

  private func setFlags(in folder: TemporaryFolder) throws {
    guard !tokenFlags.isEmpty else { return }
    let path = folder.path + "/tokenizer.json"
    let text = try Data(contentsOf: URL(fileURLWithPath: path))
    guard var json = try JSONValue.parse([UInt8](text)).objectValue else { return }
    json["added_tokens"] = json["added_tokens"]?.arrayValue.map { tokens in
      .array(
        tokens.map { token in
          guard var members = token.objectValue, let content = token["content"]?.stringValue,
            let flag = tokenFlags[content]
          else { return token }
          members[flag] = true
          return .object(members)
        })
    }
    folder.write(JSONValue.object(json).serializedBytes(), to: "tokenizer.json")
  }

  /// Random weights whose format depends on the tensor.
  private struct Weights: WeightSource {
    let format: @Sendable (TensorName) -> WeightFormat

    private func weights(_ name: TensorName) -> RandomWeights {
      RandomWeights(
        format: format(name), embeddingFormat: format(name), seed: 7, team: ThreadTeam(threadCount: 1))
    }

    func matrix(_ name: TensorName, rows: Int, columns: Int) throws(ModelError) -> WeightMatrix {
      try weights(name).matrix(name, rows: rows, columns: columns)
    }

    func norm(_ name: TensorName, count: Int) throws(ModelError) -> HostBuffer<Float> {
      HostBuffer((0..<count).map { 1 + Float($0 % 7) / 16 })
    }
  }
}

extension HostBuffer {
  /// The values; the buffer lives until they are copied.
  var array: [Element] { withExtendedLifetime(self) { Array(buffer) } }
}

extension WeightMatrix {
  /// All weights, [rows][columns].
  var values: [Float] { dequantized(kernels: Kernels(.portable)).array }

  var codes: [Int8] {
    guard case .quantized(let matrix) = self else { preconditionFailure("floats have no codes") }
    return matrix.decodedCodes().array
  }

  var scales: [Float] {
    guard case .quantized(let matrix) = self else { preconditionFailure("floats have no scales") }
    return matrix.decodedScales()
  }
}
