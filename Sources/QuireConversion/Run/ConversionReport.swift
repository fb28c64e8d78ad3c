import QuireCalibration
package import QuireOptimization
import QuireFiles
import QuireCheckpoints
package import QuireJSON
package import QuireModel
import QuireTensors

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
    /// What any other step before `quantize` did, by layer index.
    package let changes: [Int: LayerChange]
    /// Rounding errors of `quantize`, tensor by tensor.
    package let rounding: [RoundingRecord]
    /// How much of the repair after pruning was applied, 0 for none; nil where that was not decided.
    package let repairShare: Double?
    /// The result of a `budget` step.
    package let decision: BudgetDecision?
    /// Further notices; a sentence each.
    package let remarks: [String]

    package init(
      step: String, parameterCount: Int, byteCount: Int, bitsPerWeight: Double,
      pruning: [Int: HeadPruningResult], changes: [Int: LayerChange] = [:], rounding: [RoundingRecord],
      repairShare: Double? = nil, decision: BudgetDecision? = nil, remarks: [String] = []
    ) {
      self.step = step
      self.parameterCount = parameterCount
      self.byteCount = byteCount
      self.bitsPerWeight = bitsPerWeight
      self.pruning = pruning
      self.changes = changes
      self.rounding = rounding
      self.repairShare = repairShare
      self.decision = decision
      self.remarks = remarks
    }
  }

  package let rows: [Row]
  package let configuration: ModelConfiguration
  package let packBytes: Int
  /// Where this run's time went.
  package let times: ConversionTimes
}

extension ConversionReport.Row {
  /// The row as stored in the manifest. The members up to `bitsPerWeight` are named as in evaluation rows.
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
    if !changes.isEmpty {
      object["layers"] = .array(changes.sorted { $0.key < $1.key }.map { .object($0.value.details) })
    }
    if let repairShare { object["repairShare"] = .double(repairShare) }
    if let decision {
      object["predictedKL"] = .double(decision.divergence)
      var choices = JSONObject()
      for choice in decision.choices {
        choices[choice.tensor.string] = [
          "format": .string(choice.format.description), "predictedKL": .double(choice.divergence),
        ]
      }
      object["choices"] = .object(choices)
    }
    if !rounding.isEmpty {
      object["weightErrors"] = .object(Self.json(rounding) { $0.relativeError })
    }
    if rounding.contains(where: { $0.outputError != nil }) {
      object["outputErrors"] = .object(Self.json(rounding) { $0.outputError })
    }
    if !notes.isEmpty { object["notes"] = .array(notes.map { .string($0) }) }
    return .object(object)
  }

  /// What could not be done as the recipe asks, a sentence each.
  package var notes: [String] {
    let changed = changes.sorted { $0.key < $1.key }.flatMap(\.value.notes)
    return remarks + changed + [raisedScalesNote].compactMap(\.self)
      + rounding.compactMap { record in
        if record.isFallback {
          return
            "the inputs of \(record.tensor) have no usable statistics, even with their whole mean square added to "
            + "the diagonal, so it was rounded to nearest; give more or other calibration text"
        }
        guard let damping = record.damping, damping > DampedGram.standardShare else { return nil }
        return
          "the damping of \(record.tensor) was raised to \(Int((100 * damping).rounded()))% of the mean diagonal, "
          + "because its inputs' statistics are not positive definite with less; more calibration text may help"
      }
  }

  /// One sentence for all matrices with weights that are small beside the smallest scale.
  private var raisedScalesNote: String? {
    let raised = rounding.filter { $0.raisedScaleCount != nil }
    let count = raised.reduce(0) { $0 + ($1.raisedScaleCount ?? 0) }
    guard let most = raised.max(by: { $0.raisedScaleCount ?? 0 < $1.raisedScaleCount ?? 0 }) else {
      return nil
    }
    let place =
      raised.count == 1 ? "\(most.tensor)" : "\(raised.count) matrices, most of them in \(most.tensor),"
    return
      "\(count == 1 ? "1 scale" : "\(count) scales") of \(place) had to be raised to 2^-14, the smallest that every format of "
      + "an export holds, so these rows or groups of very small weights are rounded more coarsely; an override with "
      + "scheme \"bf16\" keeps a matrix unrounded"
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

  private static func json(
    _ records: [RoundingRecord], _ value: (RoundingRecord) -> Double?
  ) -> JSONObject {
    var object = JSONObject()
    for record in records {
      if let value = value(record) { object[record.tensor.string] = .double(value) }
    }
    return object
  }
}
