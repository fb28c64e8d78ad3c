import QuireCheckpoints
import QuireConversion
import QuireFiles
import QuireJSON
import QuireModel
import QuireModelFiles
import QuirePacks
import QuireTensors
import QuireText

/// The keys of one row's measurements.
struct RowKeys {
  /// What identifies the weights: their hashes, or the checkpoint's and the recipe's.
  let model: String
  private let material: EvaluationMaterial
  private let compute: Compute
  private let isReference: Bool
  private let cacheType: KeyValueElement
  /// The same of the reference; nil without one.
  private let reference: String?

  init(
    model: String, reference: String?, isReference: Bool, cacheType: KeyValueElement = .float16,
    material: EvaluationMaterial, compute: Compute
  ) {
    self.model = model
    self.reference = reference
    self.isReference = isReference
    self.cacheType = cacheType
    self.material = material
    self.compute = compute
  }

  private func key(_ kind: String) -> ResultKey {
    var key = ResultKey(kind, programVersion: material.programVersion)
    key["model"] = model
    key["arithmetic"] = isReference ? "reference" : "pack"
    if !isReference, cacheType != .float16 { key["cache"] = cacheType.rawValue }
    return key
  }

  func answers(_ mode: AskMode) -> ResultKey {
    var key = key("answers")
    key["mode"] = mode.key
    key["problems"] = Digest.of(material.problems.map { "\($0)" }.joined(separator: "\n"))
    key["limit"] = "\(material.method.tasks?.maximumTokens(mode) ?? 0)"
    key["chat format"] = material.tokenizer.chatFormat.format?.key ?? ""
    return key
  }

  var speed: ResultKey {
    var key = key("speed")
    key["settings"] = "\(material.method.speed.map { "\($0)" } ?? "")"
    key["machine"] = "\(Machine.processor), \(compute.team.threadCount), \(compute.kernels.instructionSet)"
    return key
  }

  var text: ResultKey {
    var key = key("text")
    key["reference"] = reference ?? ""
    key["windows"] = Digest.of(material.windows?.windows ?? [])
    return key
  }

  /// The reference's hidden states after its layers.
  var states: ResultKey {
    var key = ResultKey("states", programVersion: material.programVersion)
    key["model"] = reference ?? ""
    key["windows"] = Digest.of(material.windows?.windows ?? [])
    return key
  }

  /// The pack of a recipe's steps, whatever its cache.
  var conversion: ResultKey {
    var key = key("conversion")
    key["cache"] = nil
    return key
  }

  /// Sizes, memory and times of the row.
  var row: ResultKey {
    var key = key("row")
    let parts = (material.method.tasks?.askModes ?? []).map { answers($0).text } + [speed.text, text.text]
    key["parts"] = Digest.of(parts.joined(separator: "\n"))
    return key
  }
}

extension ModelSource {
  /// A hash that identifies the weights and everything else that decides answers, wherever the files are. A copy of a
  /// checkpoint with other modification times counts as another one, because its weights are not read for this.
  func identity() throws(EvaluationError) -> String {
    let configuration = try opening(configurationJSON)
    let generation = try opening(generationConfiguration)
    var parts = [configuration.serialized(), generation?.serialized() ?? ""]
    if let pack {
      parts.append(pack.manifest.tokenizer?.serialized() ?? "")
      for tensor in pack.tensors {
        let streams = tensor.streams.map { "\($0.kind) \($0.hash)" }.joined(separator: " ")
        parts.append("\(tensor.name) \(tensor.shape) \(tensor.scheme) \(tensor.group ?? 0) \(streams)")
      }
      return "pack-" + Digest.of(parts.joined(separator: "\n"))
    }
    let checkpoint = try opening { () throws(ModelFileError) in
      try self.checkpoint(for: "an evaluation").checkpoint
    }
    do throws(CheckpointError) {
      parts.append(try checkpoint.fileStamps())
      if !checkpoint.adapters.isEmpty { parts.append(try checkpoint.adapterIdentity()) }
      return "checkpoint-" + Digest.of(parts.joined(separator: "\n"))
    } catch {
      throw .model(error.description)
    }
  }
}
