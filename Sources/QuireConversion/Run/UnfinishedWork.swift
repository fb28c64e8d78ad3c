import QuireFiles
import QuireModel
package import QuirePacks
import QuireText

/// Work of an earlier run at an output path that a conversion there would discard, because it is of another one.
package struct UnfinishedWork: Sendable, Equatable {
  /// The unfinished file.
  package let path: String
  /// The parts of the conversion that differ: "recipe and calibration text".
  package let differences: String

  /// The refusal: what was expected and found, and both ways out.
  package var refusal: String {
    "expected no unfinished work of another \(differences), found \(path); run with the same \(differences) as before to "
      + "continue it, add --force to discard it, or choose another path"
  }

  /// For a plan.
  package var sentence: String {
    "unfinished: \(path) is of another \(differences); the conversion will need --force, which discards it, and with the "
      + "same \(differences) as before it is continued"
  }
}

extension Converter {
  /// What the conversion to a pack at `path` would discard; nil where it finds nothing or continues it. Nothing is changed.
  ///
  /// Only finished parts count: an embedding, a layer, a layer's measurements.
  ///
  /// - Parameter isSurveyed: whether this is the conversion after its own survey, which lies beside the pack
  package func discarded(
    at path: String, parent: PackReader? = nil, isSurveyed: Bool = false
  ) throws(ConversionError) -> UnfinishedWork? {
    let packKey = PackWriter.unfinishedKey(at: path)
    let foundSurvey = isSurveyed ? nil : SurveyJournal.unfinishedKey(forPack: path)
    let unfinished = UnfinishedFiles(of: path)
    func work(_ part: UnfinishedFiles.Part, _ differences: String) -> UnfinishedWork {
      UnfinishedWork(path: unfinished.path(of: part), differences: differences)
    }
    guard isSettled else {
      let key = try surveyKey()
      if let found = foundSurvey, found != key.text { return work(.survey, key.differences(from: found)) }
      // A pack is begun when the survey beside it is finished.
      return packKey != nil && foundSurvey == nil ? work(.contents, "recipe") : nil
    }
    var key = try conversionKey()
    if let parent { key.add(parent) }
    if let packKey, packKey != key.text { return work(.contents, key.differences(from: packKey)) }
    return packKey == nil && foundSurvey != nil ? work(.survey, "recipe") : nil
  }

  /// Everything that decides the pack's bytes, without the parent of a delta pack.
  func conversionKey() throws(ConversionError) -> ConversionKey {
    try ConversionKey(
      checkpoint: loader.checkpoint, recipe: optimizer.recipe, calibration: calibration,
      statistics: statistics, chatFormat: tokenizer.chatFormat, toolVersion: toolVersion)
  }
}
