import QuireFiles
import QuireCheckpoints
package import QuireModel
package import QuireText

extension CalibrationSet {
  /// Reads and tokenizes the text that the recipe names, and cuts it into windows.
  ///
  /// `.bundled` is `calibration.jsonl` in the checkpoint's folder or its parent folder if it exists, otherwise the
  /// set in this module. Throws when a file cannot be read, a line is not a chat, or the text is empty. A text that
  /// is too short for the requested windows gives fewer: see `shortfall(of:)`.
  package init(
    _ settings: CalibrationSettings, relativeTo folder: String, checkpointFolder: String,
    configuration: ModelConfiguration, tokenizer: Tokenizer
  ) throws(CalibrationError) {
    let text = try CalibrationText(
      settings, relativeTo: folder, checkpointFolder: checkpointFolder, tokenizer: tokenizer)
    guard settings.windowTokens <= configuration.contextPositions else {
      throw .text(
        source: text.name,
        problem: "is cut into windows of \(settings.windowTokens) tokens, but the model has "
          + "\(configuration.contextPositions) positions; ask for fewer tokens a window (\"tokens\" of the recipe's calibration, or --tokens)"
      )
    }
    let largest = text.documents.lazy.flatMap(\.tokens).max() ?? 0
    guard largest < configuration.vocabularySize else {
      throw .text(
        source: text.name,
        problem: "has the token \(largest), but the model has \(configuration.vocabularySize) tokens; "
          + "take the tokenizer.json that was published with the weights")
    }
    guard text.isOneDocument else {
      self.init(windows: Self.windows(packing: text.documents, settings), sourceName: text.name)
      return
    }
    self.init(windows: Self.windows(cutFrom: text.documents[0].tokens, settings), sourceName: text.name)
  }
}
