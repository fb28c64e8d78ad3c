package import QuireJSON
package import QuireModel

/// What a step did to one layer, other than rounding it: enough for the rows of report and manifest.
package struct LayerChange: Sendable, Equatable {
  /// The layer's shape afterwards.
  package let shape: LayerShape
  /// What the manifest says about it.
  package let details: JSONObject
  /// What did not go as the recipe asks, a sentence each.
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
}
