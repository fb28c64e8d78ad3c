package import QuireText

/// What an evaluation is doing, for a progress bar.
package struct EvaluationProgress: Sendable, Equatable {
  package enum Stage: Sendable, Equatable {
    /// Carrying out the recipe's steps up to this row's.
    case converting
    case loading
    case measuringSpeed
    /// Answers finished, of all problems in this mode.
    case answering(ThinkingMode)
    /// Layers of the reference that the text has been through.
    case readingReference
    /// Tokens of the text predicted.
    case predicting
  }

  /// The row's label: "reference", "int4: quantize".
  package let row: String
  package let rowIndex: Int
  package let rowCount: Int
  package let stage: Stage
  /// Work done and in all within the stage; equal numbers mean that it is finished, 0 of 0 that it has no measure.
  package let done: Int
  package let total: Int

  /// A few words for the stage: "answers, thinking".
  package var title: String {
    switch stage {
    case .converting: "converting"
    case .loading: "loading"
    case .measuringSpeed: "speed"
    case .answering(let mode): "answers, \(mode.tableName)"
    case .readingReference: "reference's text"
    case .predicting: "text"
    }
  }
}
