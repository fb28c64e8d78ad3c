import QuireOptimization

/// A step that removes units from layers and may repair what remains.
protocol PruningStep: ConversionStep {
  var removal: Removal { get }
  var repairs: Bool { get set }
  var repairShare: Double? { get set }
}

extension PruningStep {
  func needsActivations(layer: Int) -> Bool { removal.mayRemove(layer: layer) }
  var removesInputs: Bool { true }
  var isMeasurable: Bool { true }
  func repairs(layer: Int) -> Bool { repairs && removal.mayRemove(layer: layer) }
  var awaitsRepairShare: Bool { repairs && repairShare == nil && removal.mayRemoveAny }
  func repairing(share: Double) -> Self {
    guard repairs, repairShare == nil else { return self }
    var result = self
    result.repairs = share > 0
    result.repairShare = share
    return result
  }
}
