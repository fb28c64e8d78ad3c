import TestSupport
import Testing

/// Expects that the program refused: exit code 1, no result, and on stderr one line in the command's name that holds
/// all of `parts` (what was expected, what was found, what to do) in words meant for people.
func expectRefusal(
  _ outcome: Tool.Outcome, by command: String, _ parts: [String],
  _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.status == 1, comment, sourceLocation: sourceLocation)
  #expect(outcome.output == "", comment, sourceLocation: sourceLocation)
  expectOneSentence(outcome.errors, by: command, parts, comment, sourceLocation: sourceLocation)
}

/// The same for wrong usage: exit code 2.
func expectUsageError(
  _ outcome: Tool.Outcome, by command: String, _ parts: [String],
  _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.status == 2, comment, sourceLocation: sourceLocation)
  #expect(outcome.output == "", comment, sourceLocation: sourceLocation)
  expectOneSentence(outcome.errors, by: command, parts, comment, sourceLocation: sourceLocation)
}

/// Expects one line in the command's name that holds all of `parts` and nothing that only a programmer reads.
func expectOneSentence(
  _ errors: String, by command: String, _ parts: [String], _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let prefix = "quire \(command): "
  #expect(errors.hasPrefix(prefix), comment, sourceLocation: sourceLocation)
  #expect(
    errors.hasSuffix("\n") && errors.count(where: \.isNewline) == 1, comment, sourceLocation: sourceLocation)
  #expect(errors.count <= 600, comment, sourceLocation: sourceLocation)
  for word in ["Error(", "Error.", "Optional(", "Domain=", "NSError", "Swift.", "QuireT", "QuireM", "(null)"]
  {
    #expect(!errors.contains(word), comment, sourceLocation: sourceLocation)
  }
  for part in parts {
    #expect(errors.dropFirst(prefix.count).contains(part), comment, sourceLocation: sourceLocation)
  }
}
