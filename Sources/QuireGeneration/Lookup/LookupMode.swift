/// Whether an engine drafts tokens by looking up where the end of an answer occurred before.
///
/// No mode changes an answer: a draft only lets the model compute the next positions in the same step, and each
/// token is chosen from its own logits, in order, exactly as without.
package enum LookupMode: String, Sendable, CaseIterable {
  /// One token per step and sequence.
  case off
  /// Drafts where measured step times and the request's own history promise more tokens per second.
  case adaptive
  /// As many drafts as fit, whatever they cost: shows what drafting does, for tests and measurements.
  case eager
}
