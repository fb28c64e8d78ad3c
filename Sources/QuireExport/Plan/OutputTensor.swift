import QuireModel
package import QuireTensors

/// A tensor of an exported file.
package struct OutputTensor: Equatable, Sendable {
  /// As in the file.
  package let name: String
  let content: TensorContent
  /// As in the file: [rows, columns], or what the format stores.
  package let shape: [Int]
  package let byteCount: Int

  /// safetensors' type.
  package var element: ElementType {
    switch content {
    case .floats(let element): element
    case .signedCodes: .int8
    case .packedCodes, .packedZeros: .int32
    case .scales(.bfloat16): .bfloat16
    case .scales(.float16): .float16
    case .shape: .int64
    case .q8Blocks, .q4Blocks, .iq4Blocks: preconditionFailure("blocks are GGUF's")
    }
  }
}

/// A tensor of the model, and the tensors that hold it in the export.
package struct ExportedTensor: Equatable, Sendable {
  let name: TensorName
  /// After filling.
  let shape: [Int]
  /// How it is stored in the model, after filling.
  let format: StoredFormat
  let encoding: TensorEncoding
  package let outputs: [OutputTensor]

  var byteCount: Int { outputs.reduce(0) { $0 + $1.byteCount } }
  /// Whether the export holds every weight exactly.
  var isExact: Bool { encoding.isExact(for: format) }

  init(_ name: TensorName, shape: [Int], format: StoredFormat, encoding: TensorEncoding, outputName: String) {
    self.name = name
    self.shape = shape
    self.format = format
    self.encoding = encoding
    outputs = encoding.outputs(name: outputName, shape: shape, format: format)
  }
}

/// How the weights of one tensor are written.
enum TensorEncoding: Hashable, Sendable {
  case floats(ElementType)
  /// compressed-tensors' int-quantized: 8-bit weights per channel, and activations quantized per token at run time.
  case int8Channels
  /// compressed-tensors' pack-quantized: 4 or 8 bits with a scale per group, activations in bf16.
  case packed(WeightFormat)
  /// GGUF's Q8_0, which also holds 4-bit codes minus their zero points, Q4_0, and IQ4_NL, which has nl4's levels.
  case q8Blocks
  case q4Blocks
  case iq4Blocks

  func isExact(for format: StoredFormat) -> Bool {
    switch (self, format) {
    // A code of 8 bits times a scale of 8 bits has 16 significant bits; float32 holds 24.
    case (.floats(.float32), _): true
    case (.floats(let element), .floats(let stored)): element == stored
    case (.floats, .integers): false
    default: true
    }
  }

  /// The exported tensors, in the order of the file. `name` is the one of the weights: "….q_proj.weight".
  fileprivate func outputs(name: String, shape: [Int], format: StoredFormat) -> [OutputTensor] {
    func rows(_ name: String, _ content: TensorContent, _ outputShape: [Int]) -> OutputTensor {
      let rowCount = shape.count == 2 ? shape[0] : 1
      let bytes = rowCount * content.rowBytes(columns: shape.last ?? 0, format: format)
      return OutputTensor(name: name, content: content, shape: outputShape, byteCount: bytes)
    }
    switch self {
    case .floats(let element): return [rows(name, .floats(element), shape)]
    case .q8Blocks: return [rows(name, .q8Blocks, shape)]
    case .q4Blocks: return [rows(name, .q4Blocks, shape)]
    case .iq4Blocks: return [rows(name, .iq4Blocks, shape)]
    case .int8Channels:
      return [rows(name, .signedCodes, shape), rows(name + "_scale", .scales(.bfloat16), [shape[0], 1])]
    case .packed(let packed):
      let codesPerWord = TensorContent.codesPerWord(packed)
      let groups = shape[1] / (packed.group ?? shape[1])
      var outputs = [
        rows(name + "_packed", .packedCodes, [shape[0], shape[1] / codesPerWord]),
        rows(name + "_scale", .scales(packed.scaleType), [shape[0], groups]),
        OutputTensor(name: name + "_shape", content: .shape, shape: [2], byteCount: 16),
      ]
      if !packed.isSymmetric {
        let words = (shape[0] + codesPerWord - 1) / codesPerWord
        outputs.append(
          OutputTensor(
            name: name + "_zero_point", content: .packedZeros, shape: [words, groups],
            byteCount: 4 * words * groups))
      }
      return outputs
    }
  }
}
