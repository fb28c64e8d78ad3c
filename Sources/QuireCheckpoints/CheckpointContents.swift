import QuireJSON

/// What a checkpoint consists of: the files of a folder, or a GGUF file.
struct CheckpointContents {
  let configuration: JSONValue
  let generationConfiguration: JSONValue?
  let tokens: GGUFTokens?
  let files: [any TensorFile]
  let tensors: [String: (file: Int, record: TensorRecord)]
  let unlistedTensors: [String]
  let quantization: StoredQuantization?
  let encoded: [String: EncodedMatrix]
  let notices: [String]

  init(path: String) throws(CheckpointError) {
    if GGUFModel.isOne(path) {
      let model = try GGUFModel(path: path)
      configuration = model.configuration
      generationConfiguration = model.generationConfiguration
      tokens = model.tokens
      files = model.files
      tensors = model.tensors
      (unlistedTensors, notices) = ([], [])
      (quantization, encoded) = (nil, [:])
      return
    }
    let source = try CheckpointFolder(path: path)
    guard let configuration = try source.object(CompanionFile.configuration.name) else {
      throw ForeignFolder(source).withoutConfiguration
    }
    self.configuration = configuration
    generationConfiguration = try source.object(CompanionFile.generationConfiguration.name)
    tokens = nil
    let weights = try WeightFiles(source)
    files = weights.files
    unlistedTensors = weights.unlistedTensors
    quantization = try StoredQuantization(configuration, path: source.path(CompanionFile.configuration.name))
    let decoding = try QuantizedWeights(weights, quantization)
    tensors = decoding.plain
    encoded = decoding.encoded
    notices = weights.notices + decoding.notices
  }
}
