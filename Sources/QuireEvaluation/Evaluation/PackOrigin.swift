import QuireJSON

/// What a pack's manifest says about how the pack was made.
enum PackOrigin {
  /// The recipe's name and its last step.
  static func read(_ manifest: JSONValue) -> (recipe: String?, step: String) {
    let steps = manifest["rows"]?.arrayValue?.compactMap { $0["step"]?.stringValue } ?? []
    // The first row is the checkpoint before any step.
    return (
      manifest["recipe"]?["name"]?.stringValue,
      steps.dropFirst().last ?? EvaluationRow.unchangedStep
    )
  }
}
