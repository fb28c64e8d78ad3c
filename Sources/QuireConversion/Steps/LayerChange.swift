import QuireCalibration
import QuireOptimization
import QuireCheckpoints
package import QuireJSON
package import QuireModel

/// What a step other than rounding did to one layer: enough for the rows of report and manifest.
package struct LayerChange: Sendable, Equatable {
  /// The layer's shape afterwards.
  package let shape: LayerShape
  /// The members of the manifest's row.
  package let details: JSONObject
  /// What could not be done as the recipe asks, a sentence each.
  package let notes: [String]

  package init(shape: LayerShape, details: JSONObject, notes: [String] = []) {
    self.shape = shape
    self.details = details
    self.notes = notes
  }

  init(smoothing results: [LayerSmoother.SiteResult], layer: Int, shape: LayerShape) {
    var details = JSONObject()
    details["layer"] = .int(layer)
    details["sites"] = .array(results.map(\.json))
    let notes = results.compactMap { result in
      result.problem.map {
        "the \(result.site.rawValue) of layer \(layer) \($0) on the calibration text, so it was not smoothed; "
          + "check the text and the checkpoint"
      }
    }
    self.init(shape: shape, details: details, notes: notes)
  }

  init(neurons result: NeuronPruningResult, layer: Int, shape: LayerShape) {
    var details = JSONObject()
    details["layer"] = .int(layer)
    details["keptChannels"] = .int(result.kept.count)
    details["mlpError"] = .double(result.relativeError)
    details["mlpErrorUnrepaired"] = .double(result.relativeErrorUnrepaired)
    details["damping"] = .double(result.damping)
    self.init(shape: shape, details: details)
  }
}

/// For the journal of an unfinished pack. The details are stored as text, which preserves order and spelling.
extension LayerChange: Codable {
  private enum Key: CodingKey { case shape, details, notes }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let text = try container.decode(String.self, forKey: .details)
    guard let details = try JSONValue.parse(Array(text.utf8)).objectValue else {
      throw DecodingError.dataCorruptedError(
        forKey: .details, in: container, debugDescription: "the details are no object")
    }
    self.init(
      shape: try container.decode(LayerShape.self, forKey: .shape), details: details,
      notes: try container.decode([String].self, forKey: .notes))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(shape, forKey: .shape)
    try container.encode(JSONValue.object(details).serialized(), forKey: .details)
    try container.encode(notes, forKey: .notes)
  }
}
