import QuireCalibration
import QuireModel
import QuireTensors

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

  /// The most bytes that the conversion writes to the folder of its pack: the pack as if nothing could be compressed, and
  /// what lies next to it; or the files of the survey.
  package var mostDiskBytes: Int { max(surveyScratchBytes, result.byteCount + scratchBytes) }

  /// The same where every matrix compresses better than trained ones do: with less room the conversion cannot succeed.
  ///
  /// - Parameter isDelta: whether the pack takes matrices from a parent, so that it may hold next to nothing
  package func leastDiskBytes(isDelta: Bool) -> Int {
    let pack = isDelta ? 0 : result.tensors.reduce(0) { $0 + $1.leastPackedBytes }
    return max(survey?.leastDiskBytes ?? 0, pack + scratchBytes)
  }
}

extension ConversionPlan.PlannedTensor {
  fileprivate var leastPackedBytes: Int { format.scheme.leastPackedBytes(of: byteCount) }
}

extension WeightFormat.Scheme {
  /// The bytes in a file of a matrix that compresses better than trained ones do.
  ///
  /// Trained matrices take 83% to 97% of their bytes in int4 and the non-linear formats, about 90% in int8 and about 70%
  /// in bf16. Rows with far outliers, and floats that were once quantized, compress better.
  func leastPackedBytes(of byteCount: Int) -> Int {
    switch self {
    case .bf16: byteCount / 4
    case .int8: byteCount / 8 * 5
    case .int4, .nl4, .nl3: byteCount / 4 * 3
    }
  }
}
