import Foundation
import QuireFiles

/// Recognizes the contents of a folder that is not a complete checkpoint, so that the refusal can name them.
struct ForeignFolder {
  private let path: String
  private let names: [String]

  init(_ folder: CheckpointFolder) {
    path = folder.path
    names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }

  /// The refusal of a folder without config.json.
  var withoutConfiguration: CheckpointError {
    if let error = adapter ?? cache ?? inner { return error }
    if let name = first("gguf") { return foreign("the GGUF file \(name)", ForeignFile.gguf.advice) }
    let weights = first("safetensors") ?? first("bin") ?? first("pth") ?? first("pt")
    if let weights {
      return foreign(
        "\(weights) without config.json", "download the config.json that was published with the weights")
    }
    return .missingFile(folder: path, expected: CompanionFile.configuration.name)
  }

  /// The refusal of a folder with config.json, but without readable weights.
  var withoutWeights: CheckpointError {
    if let error = adapter { return error }
    if let name = first("safetensors") {
      return foreign(
        "\(name), but neither \(Checkpoint.weightsName) nor \(CompanionFile.weightIndex.name)",
        "download the whole checkpoint with its index, or rename a single file of weights to "
          + Checkpoint.weightsName)
    }
    if let name = first("gguf") { return foreign("the GGUF file \(name)", ForeignFile.gguf.advice) }
    if let name = first("bin") ?? first("pth") ?? first("pt") {
      return foreign("PyTorch weights (\(name))", ForeignFile.pyTorch.advice)
    }
    if let name = first("h5") ?? first("msgpack") {
      return foreign("the weights of another framework (\(name))", ForeignFile.pyTorch.advice)
    }
    return .missingFile(
      folder: path, expected: "\(Checkpoint.weightsName) or \(CompanionFile.weightIndex.name)")
  }

  /// A LoRA or another adapter that PEFT wrote.
  private var adapter: CheckpointError? {
    guard let name = names.first(where: { $0 == "adapter_config.json" || $0.hasPrefix("adapter_model.") })
    else { return nil }
    return foreign(
      "an adapter (\(name)) without its model",
      "merge it into its base model, with peft: merge_and_unload() and save_pretrained(OUTPUT), and give that folder"
    )
  }

  /// A model's folder in the cache of the Hugging Face hub, or a folder that contains checkpoints.
  private var cache: CheckpointError? {
    guard names.contains("snapshots") else { return nil }
    let snapshots =
      (try? FileManager.default.contentsOfDirectory(atPath: path + "/snapshots"))?.sorted() ?? []
    guard let snapshot = snapshots.last else { return nil }
    return foreign("a download cache", "give its snapshot \(path)/snapshots/\(snapshot)")
  }

  private var inner: CheckpointError? {
    let manager = FileManager.default
    let inner = names.filter {
      manager.fileExists(atPath: "\(path)/\($0)/\(CompanionFile.configuration.name)")
    }
    guard let name = inner.first else { return nil }
    return foreign("checkpoints inside it", "give one of them, for example \(path)/\(name)")
  }

  private func first(_ ending: String) -> String? { names.first { $0.hasSuffix("." + ending) } }

  private func foreign(_ found: String, _ advice: String) -> CheckpointError {
    .foreign(
      path: path, expected: "a checkpoint folder with config.json and safetensors", found: found,
      advice: advice)
  }
}
