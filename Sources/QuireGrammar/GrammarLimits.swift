/// Limits on the size and work of a constraint, so that no text from outside makes the server slow or large. Everything is counted in
/// operations and entries, never in time.
package enum GrammarLimits {
  /// Bytes of a schema, an expression or a grammar.
  package static let sourceBytesMaximum = 1 << 20
  /// Levels of nested groups of an expression or a grammar, and of nested schemas.
  package static let depthMaximum = 64
  /// The largest count in `{m,n}`, `minLength`, `minItems` or `maxProperties`.
  package static let repetitionMaximum = 10_000
  /// The largest count in `maxLength` and `maxItems`, which are counted in blocks: larger than any text.
  package static let lengthMaximum = 1 << 53
  /// Nodes plus edges of the compiled network, copies of repeated parts included.
  package static let networkSizeMaximum = 400_000
  /// Schemas that a reader looks at, each as often as it is looked at, and states of the automatons of their patterns.
  package static let schemaVisitMaximum = 50_000
  /// States of an automaton of several expressions, each of which becomes a rule.
  static let automatonStatesMaximum = 8_192
  /// Nodes, edges and ranges looked at to make such an automaton.
  static let automatonWorkMaximum = 4_000_000
  /// Rules that have been entered and not left: the depth of nested values in an answer.
  package static let stackDepthMaximum = 400
  /// Positions that one state of the automaton may have at the same time; more are refused, so that the text
  /// that needs them cannot be written.
  package static let positionCountMaximum = 8_192
  /// Positions and edges that may be looked at to find the mask of one token: about 20 ms, at 15 ns to 40 ns each
  /// (measured by `MaskMeasurement`). All other streams wait for that time. A schema with a thousand optional properties
  /// takes 260,000.
  package static let maskWorkMaximum = 500_000
  /// Steps for the masks of one answer, on average for each token: about 3 ms. Masks that were found before take none.
  package static let answerWorkPerToken = 100_000
  /// Steps that an answer may take in advance of that average.
  package static let answerWorkReserve = 4 * maskWorkMaximum
  /// Nodes of the trie of tokens that take the time of one step, where nothing new has to be found.
  static let visitsPerStep = 4
  /// States that an automaton remembers; those in use survive when it forgets the others.
  package static let stateCountMaximum = 16_384
  /// Entries of the table of transitions of one automaton, 4 bytes each.
  static let transitionCountMaximum = 1 << 20
  /// Positions and stacks that an automaton remembers.
  static let memoryMaximum = 1 << 20
  /// Positions of local states that survive when an automaton forgets the others: about 2 ms to keep them.
  static let keptPositionMaximum = 1 << 16
  /// Masks that a constraint remembers at least; it can be twice as many. 19 KB each for Qwen3.
  static let maskCountMaximum = 48
  /// The same for the masks of local states, which take longest to find.
  static let localMaskCountMaximum = 128
  /// Bytes of the constraints that a compiler keeps, with their states and masks.
  package static let cacheBytesMaximum = 64 << 20
  /// Different tags that a grammar may name.
  static let tagCountMaximum = 8
}
