import QuireModelFiles
import QuireText

extension EvaluationOptions {
  /// The options with one mode instead of both if the chat format of each model renders both alike, because the same
  /// questions would be asked twice. The mode is thinking for a model that thinks.
  func asked(of plan: RowPlan) throws(EvaluationError) -> EvaluationOptions {
    var formats: [ChatFormat] = []
    for model in asksTasks ? plan.models + [plan.reference].compactMap(\.self) : [] {
      let tokenizer = try opening { () throws(ModelFileError) in try model.tokenizer(chatFormat: chatFormat) }
      guard let format = tokenizer.chatFormat.format, format.rendersModesAlike else { return self }
      formats.append(format)
    }
    guard !formats.isEmpty else { return self }
    var options = self
    options.modeNote = "one mode: the template renders both alike"
    if modes.count > 1 {
      options.modes = [formats.allSatisfy { $0.answer.reasoning == nil } ? .nonThinking : .thinking]
    }
    return options
  }
}
