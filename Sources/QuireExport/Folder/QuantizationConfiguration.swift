import QuireJSON
import QuireModel
import QuireTensors

/// `quantization_config` of config.json in compressed-tensors' form: a group for each scheme with the modules that
/// have it, and the modules that stay unquantized.
struct QuantizationConfiguration {
  private let encodings: [(module: Module, encoding: TensorEncoding)]
  private let layerCount: Int

  /// A linear layer, by its name without `.weight`.
  private struct Module {
    let name: String
    /// The projection and its layer; nil for lm_head.
    let part: (tensor: LayerTensor, layer: Int)?
  }

  init(_ plan: ExportPlan) {
    layerCount = plan.configuration.layerCount
    encodings = plan.tensors.compactMap { tensor in
      let name = String(tensor.name.string.dropLast(".weight".count))
      switch tensor.name {
      case .layer(let layer, let part) where !part.isNorm:
        return (Module(name: name, part: (part, layer)), tensor.encoding)
      case .head: return (Module(name: name, part: nil), tensor.encoding)
      default: return nil
      }
    }
  }

  var json: JSONValue {
    let schemes = self.schemes
    let isUniform = schemes.count == 1 && ignored.allSatisfy { $0.part == nil } && !hasQuantizedHead
    let groups = schemes.enumerated().map { index, encoding in
      let targets: [JSONValue] = isUniform ? ["Linear"] : targets(of: encoding).map { .string($0) }
      return JSONObject.Member(key: "group_\(index)", value: Self.group(encoding, targets))
    }
    var ignore = ignored.map(\.name)
    // A tied lm_head has no tensor, but it is a linear layer as well.
    if !encodings.contains(where: { $0.module.part == nil }) { ignore.append("lm_head") }
    let format = schemes.count == 1 ? Self.format(schemes[0]) : "mixed-precision"
    return [
      "quant_method": "compressed-tensors", "format": .string(format), "quantization_status": "compressed",
      "global_compression_ratio": .null, "kv_cache_scheme": .null,
      "ignore": .array(ignore.map { .string($0) }),
      "config_groups": .object(JSONObject(uniqueMembers: groups)),
    ]
  }

  /// The quantized encodings in the order of their first module.
  private var schemes: [TensorEncoding] {
    var found: [TensorEncoding] = []
    for (_, encoding) in encodings where !encoding.isFloats && !found.contains(encoding) {
      found.append(encoding)
    }
    return found
  }

  private var ignored: [Module] { encodings.filter { $0.encoding.isFloats }.map(\.module) }

  private var hasQuantizedHead: Bool {
    encodings.contains { $0.module.part == nil && !$0.encoding.isFloats }
  }

  /// A regular expression for a projection that has the scheme in every layer, the names of other modules.
  private func targets(of encoding: TensorEncoding) -> [String] {
    var targets: [String] = []
    for projection in LayerTensor.projections {
      let own = encodings.filter { $0.module.part?.tensor == projection && $0.encoding == encoding }
      if own.count == layerCount {
        targets.append("re:.*\\.\(projection.rawValue.replacing(".", with: "\\."))$")
      } else {
        targets += own.map(\.module.name)
      }
    }
    targets += encodings.filter { $0.module.part == nil && $0.encoding == encoding }.map(\.module.name)
    return targets
  }

  private static func group(_ encoding: TensorEncoding, _ targets: [JSONValue]) -> JSONValue {
    [
      "targets": .array(targets), "weights": weights(encoding), "input_activations": activations(encoding),
      "output_activations": .null, "format": .string(format(encoding)),
    ]
  }

  private static func format(_ encoding: TensorEncoding) -> String {
    encoding == .int8Channels ? "int-quantized" : "pack-quantized"
  }

  private static func weights(_ encoding: TensorEncoding) -> JSONValue {
    guard case .packed(let format) = encoding else {
      return [
        "num_bits": 8, "type": "int", "symmetric": true, "strategy": "channel", "group_size": .null,
        "dynamic": false,
      ]
    }
    return [
      "num_bits": format.scheme == .int4 ? 4 : 8, "type": "int", "symmetric": .bool(format.isSymmetric),
      "strategy": .string(format.group == nil ? "channel" : "group"),
      "group_size": format.group.map { JSONValue.int($0) } ?? .null, "dynamic": false,
    ]
  }

  /// W8A8 quantizes activations at run time, one scale per token.
  private static func activations(_ encoding: TensorEncoding) -> JSONValue {
    guard encoding == .int8Channels else { return .null }
    return ["num_bits": 8, "type": "int", "symmetric": true, "strategy": "token", "dynamic": true]
  }
}

extension TensorEncoding {
  /// Whether the weights are plain floats.
  var isFloats: Bool {
    if case .floats = self { true } else { false }
  }
}
