import QuireCalibration
import QuireFiles
import QuireModel

/// `{ step: "prune-heads", … }`.
package struct HeadPruningSettings: Sendable, Equatable {
  package var unit: HeadUnit
  package var removal: Removal
  /// Whether the output projection is refitted to compensate for the removed heads.
  package var repairs: Bool
  /// How much of the repair is applied, from 0 to 1; nil where trials decide it.
  package var repairShare: Double?
  /// Whether near ties for the first unit of each layer are decided by the KL divergence of the whole model without
  /// each.
  package var tries: Bool
  /// The decision of such trials: the unit to remove first (layer); nil for the one of least error in the layer's
  /// own output.
  package var firstBlocks: [HeadBlock?]?

  package init(
    unit: HeadUnit, removal: Removal, repairs: Bool = true, repairShare: Double? = nil, tries: Bool = false
  ) {
    self.unit = unit
    self.removal = removal
    self.repairs = repairs
    self.repairShare = repairShare
    self.tries = tries
  }
}

/// `{ step: "prune-neurons", … }`.
package struct NeuronPruningSettings: Sendable, Equatable {
  /// The number of removed channels is a multiple of this, so that the number left stays a multiple too; the
  /// channels need not be adjacent.
  package var group: Int
  /// Counts in channels.
  package var removal: Removal
  /// Whether the down projection is refitted to compensate for the removed channels.
  package var repairs: Bool
  /// How much of the repair is applied, from 0 to 1; nil where trials decide it.
  package var repairShare: Double?

  package init(
    group: Int = standardGroup, removal: Removal, repairs: Bool = true, repairShare: Double? = nil
  ) {
    self.group = group
    self.removal = removal
    self.repairs = repairs
    self.repairShare = repairShare
  }

  package static let standardGroup = 128
}

/// How many units are removed from each layer.
package enum Removal: Sendable, Equatable {
  case uniform(Int)
  case perLayer([Int])
  /// This share of the model's units, in order of predicted error over all layers.
  case share(Double)
  /// Units in order of predicted error, as long as the errors add up to at most this; each error is a share of the
  /// mean square of the hidden states that the output is added to.
  case errorBudget(Double)

  /// Whether counts are known without a survey of the model.
  package var isSettled: Bool {
    switch self {
    case .uniform, .perLayer: true
    case .share, .errorBudget: false
    }
  }

  /// How many units are removed from a layer; nil when a survey must decide, or the recipe lists fewer layers.
  package func count(layer: Int) -> Int? {
    switch self {
    case .uniform(let count): count
    case .perLayer(let counts): counts.indices.contains(layer) ? counts[layer] : nil
    case .share, .errorBudget: nil
    }
  }

  /// Whether anything may be removed from any layer; true while a survey must decide.
  package var mayRemoveAny: Bool {
    switch self {
    case .uniform(let count): count != 0
    case .perLayer(let counts): counts.contains { $0 != 0 }
    case .share, .errorBudget: true
    }
  }

  /// Whether anything may be removed from a layer; true while a survey must decide.
  package func mayRemove(layer: Int) -> Bool { count(layer: layer) != 0 }
}
