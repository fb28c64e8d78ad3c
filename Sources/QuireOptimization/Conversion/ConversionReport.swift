package import QuireJSON
package import QuireModel
package import QuireTensors

/// What rounding one tensor cost.
package struct RoundingRecord: Sendable, Equatable {
  package let tensor: TensorName
  package let format: WeightFormat
  /// Root mean square error relative to the root mean square of the weights.
  package let relativeError: Double
}

/// What a conversion did, step by step: for the log, and for the `rows` of the pack's manifest.
package struct ConversionReport: Sendable {
  /// The model after one step.
  package struct Row: Sendable {
    package let step: String
    package let parameterCount: Int
    /// Bytes of the weights in memory, before packing.
    package let byteCount: Int
    package let bitsPerWeight: Double
    /// What `prune-heads` did to each layer that it changed, by layer index.
    package let pruning: [Int: HeadPruningResult]
    /// What `quantize` cost, tensor by tensor.
    package let rounding: [RoundingRecord]
  }

  package let rows: [Row]
  package let configuration: ModelConfiguration
  package let packBytes: Int
}

extension ConversionReport.Row {
  /// The row as the manifest has it. The members up to `bitsPerWeight` are named as in evaluation rows.
  package var json: JSONValue {
    var object = JSONObject()
    object["step"] = .string(step)
    object["parameters"] = .int(parameterCount)
    object["sizeBytes"] = .int(byteCount)
    object["bitsPerWeight"] = .double(bitsPerWeight)
    if !pruning.isEmpty {
      object["layers"] = .array(
        pruning.sorted { $0.key < $1.key }.map { layer, result in Self.json(layer, result) })
    }
    if !rounding.isEmpty {
      object["weightErrors"] = .object(Self.json(rounding))
    }
    return .object(object)
  }

  private static func json(_ layer: Int, _ result: HeadPruningResult) -> JSONValue {
    [
      "layer": .int(layer),
      "removedQueryHeads": .array(result.removed.flatMap(\.queryHeads).map { .int($0) }),
      "keptKeyValueHeads": .array(result.keptKeyValueHeads.map { .int($0) }),
      "attentionError": .double(result.relativeError),
      "attentionErrorUnrepaired": .double(result.relativeErrorUnrepaired),
      "damping": .double(result.damping),
    ]
  }

  private static func json(_ records: [RoundingRecord]) -> JSONObject {
    var object = JSONObject()
    for record in records { object[record.tensor.string] = .double(record.relativeError) }
    return object
  }
}
