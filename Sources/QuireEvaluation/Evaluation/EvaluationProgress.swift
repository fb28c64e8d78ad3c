/// What an evaluation is doing, for a progress bar.
package struct EvaluationProgress: Sendable, Equatable {
  package enum Stage: Sendable, Equatable {
    /// Applying the recipe's steps up to this row's.
    case converting
    case loading
    case measuringSpeed
    /// Finished answers, of all problems in this mode.
    case answering(AskMode)
    /// Layers of the reference that the text has passed through.
    case readingReference
    /// Predicted tokens of the text.
    case predicting
    /// Changing one part of the reference after the other.
    case measuringSensitivity
  }

  /// The row's label: "reference", "int4: quantize".
  package let row: String
  package let rowIndex: Int
  package let rowCount: Int
  package let stage: Stage
  /// Work done and total work of the stage; equal numbers: finished; 0 of 0: the stage has no measure of progress.
  package let done: Int
  package let total: Int
  /// Time until the last row is measured; nil before the first one is.
  package var secondsLeft: Double?

  /// The stage in a few words: "answers, thinking".
  package var title: String {
    switch stage {
    case .converting: "converting"
    case .loading: "loading"
    case .measuringSpeed: "speed"
    case .answering(let mode): "answers, \(mode.title)"
    case .readingReference: "reference's text"
    case .predicting: "text"
    case .measuringSensitivity: "sensitivity"
    }
  }
}
