import QuirePacks

/// What a pack's manifest says about how the pack was made.
enum PackOrigin {
  /// The recipe's name and its last step.
  static func read(_ manifest: PackManifest) -> (recipe: String?, step: String) {
    // The first row is the checkpoint before any step.
    (manifest.recipe?.name, manifest.stepNames.dropFirst().last ?? EvaluationRow.unchangedStep)
  }
}
