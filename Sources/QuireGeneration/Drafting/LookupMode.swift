/// Whether an engine drafts tokens by prompt lookup: from earlier occurrences of the text's last tokens.
///
/// No mode changes an answer: drafts only let the model compute more positions in the same step. Each token is
/// chosen from its own logits, in order, exactly as without drafts.
package enum LookupMode: String, Sendable, CaseIterable {
  /// One token per step and sequence.
  case off
  /// Drafts when measured step times and the request's history predict more tokens per second.
  case adaptive
  /// As many drafts as fit, regardless of their cost: for tests and measurements.
  case eager
}
