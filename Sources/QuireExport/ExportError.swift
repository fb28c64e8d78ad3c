/// Why a model cannot be exported, or an export cannot be written. Every description is one sentence.
package enum ExportError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The model could not be read; the sentence is the reader's.
  case model(String)
  /// Layers with different counts, which config.json and GGUF cannot describe.
  case notUniform(found: String)
  /// A format of quantized weights for a model without any, or for a checkpoint whose integers only `convert` keeps.
  case notQuantized(path: String, storesCodes: Bool)
  /// Codes of a table of levels, which the format has no type for.
  case levels(format: String, tensor: String, hasBlocks: Bool)
  /// A rotary embedding that GGUF cannot describe.
  case rope(found: String)
  /// A weight that float16 does not hold.
  case tooLarge(tensor: String)
  case unwritable(path: String, reason: String)
  case diskSpace(path: String, needed: String, available: String)
  /// A folder that `--force` does not replace, because it has other files in it.
  case foreignFolder(path: String, found: String)

  package var description: String {
    switch self {
    case .model(let sentence): sentence
    case .notUniform(let found):
      "expected the same head and neuron counts in every layer, which is all that other programs can load, found "
        + "\(found); convert the checkpoint again with the same \"remove\" for every layer, or add --fill-pruned, "
        + "which stores zeros for what was pruned (same answers, no smaller)"
    case .notQuantized(let path, let storesCodes):
      storesCodes
        ? "expected a pack with quantized matrices, found the checkpoint \(path); convert it with --recipe keep first, "
          + "which keeps its integers, or choose --format safetensors"
        : "expected quantized matrices, found none in \(path); convert the checkpoint with a recipe such as int8 first, "
          + "or choose --format safetensors"
    case .levels(let format, let tensor, let hasBlocks):
      "expected weights that are multiples of a scale, which is all that compressed-tensors can describe, found the levels of "
        + "\(format) in \(tensor); choose "
        + (hasBlocks ? "--format gguf, whose IQ4_NL holds them exactly, or " : "")
        + "--format safetensors, which stores plain floats"
    case .rope(let found):
      "expected a rotary embedding without scaling, with linear scaling or with YaRN's default settings, which is all "
        + "that GGUF can describe for Qwen3, found \(found); choose another format"
    case .tooLarge(let tensor):
      "expected weights up to 65504, the largest of float16, found a larger one in \(tensor); "
        + "choose --gguf-type bf16 or f32"
    case .unwritable(let path, let reason):
      "expected to write \(path), found: \(reason)"
    case .diskSpace(let path, let needed, let available):
      "expected \(needed) of free disk space for \(path), found \(available); free disk space or choose another path"
    case .foreignFolder(let path, let found):
      "expected an earlier export at \(path), found \(found); choose another path, or remove the folder yourself"
    }
  }
}

/// Turns another module's error into its sentence.
func reading<Value, Failure: Error & CustomStringConvertible>(
  _ body: () throws(Failure) -> Value
) throws(ExportError) -> Value {
  do throws(Failure) {
    return try body()
  } catch {
    throw .model(error.description)
  }
}
