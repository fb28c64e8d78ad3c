/// The kinds of work that a conversion consists of. Each has a speed of its own, which `WorkProbes` measures.
package enum WorkKind: String, CaseIterable, Sendable {
  /// Multiply-adds of the calibration text with the matrices of a layer; their format is the item's.
  case pass
  /// Multiply-adds of queries with keys, and of the shares with values.
  case attention
  /// Multiply-adds of Gram matrices, and of cross moments of two activations.
  case gram, cross
  /// Bytes of hidden states read or written, and bytes that are hashed and synced to the disk.
  case states, syncing
  /// The inverse Cholesky factor: the cube of its order.
  case factor
  /// Multiply-adds of bands of weights with square matrices in GPTQ and in the trials of scales.
  case products
  /// Weights that GPTQ chooses scales and codes for, without those products.
  case codes
  /// Weights rounded in a trial of AWQ or of a budget, without the products.
  case trials
  /// Weights rounded to nearest.
  case rounding
  /// Weights rotated.
  case rotation
  /// Heads or neurons removed: the cube of the inputs, and outputs times their square.
  case pruning
  /// A matrix refitted to the unpruned model, in the same units.
  case refit
  /// Multiply-adds of lm_head, with the divergence of the answers.
  case answers
  /// Bytes compressed and written.
  case packing
  /// Bytes of the checkpoint that are read and hashed.
  case reading

  /// The stage of the report that it belongs to.
  var stage: WorkStage {
    switch self {
    case .pass, .attention, .gram, .cross, .states, .syncing: .calibration
    case .factor, .products, .codes, .trials, .rounding, .rotation, .pruning, .refit, .answers: .optimizing
    case .packing: .packing
    case .reading: .reading
    }
  }

  /// Wider matrices are measured at this width, and their time follows from the amount of work.
  var widthLimit: Int {
    switch self {
    // Above 1,024 the team shares the work.
    case .factor: 1536
    case .refit: 1152
    case .rotation: 512
    case .pass, .attention, .codes, .trials, .pruning: 1024
    case .gram, .cross, .products: 2048
    case .rounding, .packing, .answers: 4096
    case .states, .syncing, .reading: 1
    }
  }

  /// Seconds for one unit where nothing is measured: two cores with AVX-512.
  package var typicalSeconds: Double {
    switch self {
    case .pass, .gram, .cross, .products, .answers: 1.2e-11
    case .attention: 3e-11
    case .factor, .refit: 2e-11
    case .pruning: 4e-11
    case .states: 3e-10
    case .syncing, .reading: 1e-9
    case .packing: 5e-9
    case .rotation: 2e-9
    case .rounding, .trials: 1e-8
    case .codes: 3e-8
    }
  }
}

/// The parts of a conversion whose time is planned and reported.
package enum WorkStage: String, CaseIterable, Sendable {
  case survey, repair, reading, calibration, optimizing, packing

  /// The stage in the report and beside its progress: "survey 2.1 s".
  package var title: String {
    switch self {
    case .survey: "survey"
    case .repair: "trials of repair"
    case .reading: "waiting for the checkpoint"
    case .calibration: "calibration"
    case .optimizing: "optimizing"
    case .packing: "writing"
    }
  }
}
