package import QuireModel

/// `{ step: "rotate", … }`: multiplies hidden states and values by random Hadamard matrices, which are folded into the
/// weights, so that the graph and its function stay the same and outliers are spread over all dimensions.
///
/// Source: QuaRot (arXiv 2404.00456), of which this does what needs no work while the model runs: the rotations that
/// SpinQuant (arXiv 2405.16406) calls R1, of hidden states, and R2, of the values of every key/value head.
package struct RotationSettings: Sendable, Equatable {
  /// R1: of the hidden states, with norm weights folded into the matrices that read them.
  package enum HiddenStates: Sendable, Equatable {
    case rotated, unchanged
    /// Rotated unless lm_head is tied to the embedding: the rotation would make two matrices of them.
    case rotatedIfUntied
  }

  package var hiddenStates = HiddenStates.rotated
  /// R2: of the values of each key/value head, undone by the output projection.
  package var rotatesValues = true
  /// Of the random signs.
  package var seed: UInt64 = 1

  package init(hiddenStates: HiddenStates = .rotated, rotatesValues: Bool = true, seed: UInt64 = 1) {
    self.hiddenStates = hiddenStates
    self.rotatesValues = rotatesValues
    self.seed = seed
  }

  /// Whether the hidden states of this model are rotated.
  package func rotatesHiddenStates(of configuration: ModelConfiguration) -> Bool {
    switch hiddenStates {
    case .rotated: true
    case .unchanged: false
    case .rotatedIfUntied: !configuration.tiesEmbeddings
    }
  }

  /// The model's configuration afterwards: folding the final norm into lm_head makes it differ from the embedding.
  package func configuration(after before: ModelConfiguration) -> ModelConfiguration {
    rotatesHiddenStates(of: before) && before.tiesEmbeddings ? before.withOwnHead() : before
  }
}
