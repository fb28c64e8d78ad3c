import QuireCalibration
import QuireFiles
import QuireModel

// Resuming where an earlier run was stopped.
extension ConversionRun {
  enum FoundStates {
    /// No later layer needs activations.
    case unneeded
    case found(CalibrationRun)
    case lost
  }

  /// The calibration's hidden states after `layersDone` layers.
  static func states(
    _ converter: Converter, after layersDone: Int, _ notes: [ConversionNote], _ unfinished: UnfinishedFiles
  ) -> FoundStates {
    let layerCount = converter.loader.configuration.layerCount
    guard let calibration = converter.calibration,
      layersDone < layerCount || converter.optimizer.calibratesHead && notes.count == layerCount + 1,
      layersDone == 0 || converter.optimizer.needsActivations(after: layersDone - 1, layerCount: layerCount)
    else { return .unneeded }
    guard let hash = notes.last?.rowsHash,
      let run = CalibrationRun(
        resuming: calibration, files: CalibrationRun.Files(of: unfinished), boundary: layersDone, hash: hash,
        withUnpruned: converter.optimizer.needsReference(after: layersDone - 1, layerCount: layerCount),
        configuration: converter.loader.configuration, compute: converter.compute)
    else { return .lost }
    return .found(run)
  }
}

extension CalibrationRun.Files {
  init(of unfinished: UnfinishedFiles) {
    self.init(
      states: unfinished.path(of: .states), unprunedStates: unfinished.path(of: .unprunedStates))
  }
}
