package import QuireTensors

/// The formats of other programs, by the names of the command line.
package enum ExportFormat: String, CaseIterable, Sendable {
  /// A folder for vLLM, SGLang and transformers: integers and scales.
  case compressedTensors = "compressed-tensors"
  /// One file for llama.cpp.
  case gguf
  /// A folder for everything that reads Hugging Face checkpoints: plain floats.
  case safetensors

  /// Whether the output is a folder; otherwise one file.
  package var isFolder: Bool { self != .gguf }
}

/// What a user may choose about an export.
package struct ExportOptions: Sendable, Equatable {
  package var format: ExportFormat
  /// The type of floats in a folder. GGUF's matrices take it only if set.
  package var element: ElementType?
  /// Whether layers that were pruned differently are filled with zeros.
  package var fillsPruned = false
  /// Whether a quantized lm_head stays quantized in compressed-tensors.
  package var keepsHead = false

  package init(
    format: ExportFormat, element: ElementType? = nil, fillsPruned: Bool = false, keepsHead: Bool = false
  ) {
    self.format = format
    self.element = element
    self.fillsPruned = fillsPruned
    self.keepsHead = keepsHead
  }

  /// The names that `--dtype` and `--gguf-type` take.
  package static let folderElements: [String: ElementType] = ["bfloat16": .bfloat16, "float32": .float32]
  package static let ggufElements: [String: ElementType] = [
    "bf16": .bfloat16, "f16": .float16, "f32": .float32,
  ]
}
