import QuireCalibration
import QuireModel

/// The disk space that a conversion needs next to its pack.
extension ConversionPlan {
  /// Bytes of the calibration's hidden states in files next to the pack, which exist until it is finished.
  package var scratchBytes: Int {
    recipe.needsCalibration && recipe.calibration.statistics == nil
      ? CalibrationRun.diskBytes(
        windows, source.configuration, withReference: recipe.needsReference) : 0
  }

  /// Bytes of the survey's hidden states in files next to the pack, which exist while it lasts; 0 without a survey.
  package var surveyScratchBytes: Int { survey?.diskBytes ?? 0 }
}
