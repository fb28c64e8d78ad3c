import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireModel
import QuireCheckpoints

/// What a survey found beside the place of the pack when it began.
package enum SurveyStart: Sendable, Equatable {
  /// Nothing that it could use, and nothing that was in the way.
  case anew
  /// What an earlier run has measured of the same model for the same steps.
  case resumed(layersDone: Int)
  /// The whole survey of an earlier run.
  case found
  /// An earlier survey that cannot be gone on with.
  case discarded(reason: String)

  /// What to tell the user; nil for `anew`.
  package var sentence: String? {
    switch self {
    case .anew: nil
    case .resumed(let layersDone):
      "goes on with the survey behind layer \(layersDone) of an earlier run that was stopped"
    case .found: "takes up the survey of an earlier run that was stopped"
    case .discarded(let reason): "surveys anew: the survey of an earlier run \(reason)"
    }
  }
}
