import QuireCalibration
import QuireFiles
import QuireModel

/// `{ step: "prune-heads", … }`.
package struct HeadPruningSettings: Sendable, Equatable {
  package var unit: HeadUnit
  package var removal: Removal
  /// Whether the output projection is refitted to make up for what is gone.
  package var repairs: Bool
  /// Whether near ties of the first unit of each layer are decided by what the whole model answers without them.
  package var tries: Bool
  /// What such trials decided: the unit to go first (layer); nil for what costs least in the layer's own output.
  package var firstBlocks: [HeadBlock?]?

  package init(unit: HeadUnit, removal: Removal, repairs: Bool = true, tries: Bool = false) {
    self.unit = unit
    self.removal = removal
    self.repairs = repairs
    self.tries = tries
  }
}

/// `{ step: "prune-neurons", … }`.
package struct NeuronPruningSettings: Sendable, Equatable {
  /// Channels that go together in count, though not in place: what is left stays a multiple of it.
  package var group: Int
  /// In channels.
  package var removal: Removal
  /// Whether the down projection is refitted to make up for what is gone.
  package var repairs: Bool

  package init(group: Int = standardGroup, removal: Removal, repairs: Bool = true) {
    self.group = group
    self.removal = removal
    self.repairs = repairs
  }

  package static let standardGroup = 128
}

/// How many units go from each layer.
package enum Removal: Sendable, Equatable {
  case uniform(Int)
  case perLayer([Int])
  /// This share of the model's units, those first that are predicted to cost least, whatever their layer.
  case share(Double)
  /// As many, those first that cost least, as predicted errors add up to at most this: each as a share of the mean
  /// square of the hidden states that it is added to.
  case errorBudget(Double)

  /// Whether counts are known without a survey of the model.
  package var isSettled: Bool {
    switch self {
    case .uniform, .perLayer: true
    case .share, .errorBudget: false
    }
  }

  /// How many go from a layer; nil when a survey must decide, or the recipe lists fewer layers.
  package func count(layer: Int) -> Int? {
    switch self {
    case .uniform(let count): count
    case .perLayer(let counts): counts.indices.contains(layer) ? counts[layer] : nil
    case .share, .errorBudget: nil
    }
  }

  /// Whether anything may go from a layer: what is not known yet may.
  package func mayRemove(layer: Int) -> Bool { count(layer: layer) != 0 }
}
