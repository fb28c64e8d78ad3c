import QuireCheckpoints
import QuireModel
import QuireModelFiles
import QuireTensors

/// The keys and values of a Qwen3 model's GGUF file, without the tokenizer's.
struct GGUFMetadata {
  typealias Entry = (key: String, value: GGUFValue)

  /// Of llama.cpp's block types, Q8_0 and Q4_0 among them.
  private static let quantizationVersion: UInt32 = 2

  let plan: ExportPlan
  let generation: GGUFGeneration

  var entries: [Entry] {
    let general: [Entry] = [
      ("general.architecture", .string(GGUFFormat.architecture)), ("general.type", .string("model")),
      ("general.name", .string(plan.model.name)), ("general.file_type", .uint32(fileType)),
      ("general.quantization_version", .uint32(Self.quantizationVersion)),
    ]
    return general + generation.sampling + shape + rope + [(GGUFFormat.groupSizesKey, .int32s(groupSizes))]
  }

  /// Of each tensor the inputs that share a scale in the model, 0 for floats.
  private var groupSizes: [Int32] {
    plan.tensors.map { tensor in
      guard case .integers(let format) = tensor.format else { return 0 }
      return Int32(clamping: format.group ?? tensor.shape[tensor.shape.count - 1])
    }
  }

  private var shape: [Entry] {
    let configuration = plan.configuration
    let layer = configuration.layers[0]
    func count(_ key: String, _ number: Int) -> Entry { (key, .uint32(UInt32(clamping: number))) }
    return [
      count("qwen3.block_count", configuration.layerCount),
      count("qwen3.context_length", configuration.maximumPositions),
      count("qwen3.embedding_length", configuration.hiddenSize),
      count("qwen3.feed_forward_length", layer.intermediateSize),
      count("qwen3.attention.head_count", layer.queryHeadCount),
      count("qwen3.attention.head_count_kv", layer.keyValueHeadCount),
      count("qwen3.attention.key_length", configuration.headSize),
      count("qwen3.attention.value_length", configuration.headSize),
      ("qwen3.attention.layer_norm_rms_epsilon", .float32(configuration.rmsNormEpsilon)),
      ("qwen3.rope.freq_base", .float32(Float(configuration.rope.theta))),
    ]
  }

  private var rope: [Entry] {
    switch plan.configuration.rope.scaling {
    case .none, .llama3: []
    case .linear(let factor):
      [
        ("qwen3.rope.scaling.type", .string("linear")),
        ("qwen3.rope.scaling.factor", .float32(Float(factor))),
      ]
    case .yarn(let yarn):
      [
        ("qwen3.rope.scaling.type", .string("yarn")),
        ("qwen3.rope.scaling.factor", .float32(Float(yarn.factor))),
        (
          "qwen3.rope.scaling.original_context_length",
          .uint32(UInt32(clamping: yarn.originalMaximumPositions))
        ),
      ]
    }
  }

  /// Refuses a rotary embedding that llama.cpp would compute in another way.
  static func check(_ rope: RopeParameters) throws(ExportError) {
    switch rope.scaling {
    case .none, .linear: return
    case .llama3: throw .rope(found: "the scaling of Llama 3")
    case .yarn(let yarn):
      let usual = YarnParameters(
        factor: yarn.factor, originalMaximumPositions: yarn.originalMaximumPositions)
      if yarn != usual { throw .rope(found: "YaRN with other settings") }
    }
  }

  /// llama.cpp's number for the type that most bytes have; for display only.
  private var fileType: UInt32 {
    var bytes: [TensorEncoding: Int] = [:]
    for tensor in plan.tensors where !tensor.name.isNorm {
      bytes[tensor.encoding, default: 0] += tensor.byteCount
    }
    switch bytes.max(by: { $0.value < $1.value })?.key {
    case .q8Blocks: return 7
    case .q4Blocks: return 2
    case .iq4Blocks: return 25
    case .floats(.float16): return 1
    case .floats(.bfloat16): return 32
    default: return 0
    }
  }
}
