import QuireJSON

extension GenerationFields {
  /// Throws when a request with several prompts asks for more answers than the server gives to one.
  func checkChoices(promptCount: Int, atMost limit: Int) throws(ServingError) {
    let count = CheckedCount(promptCount) * CheckedCount(choiceCount)
    guard count.value(atMost: limit) != nil else {
      throw .rejected(
        .badField(
          "prompt",
          "prompt: expected at most \(limit) answers in a request, found \(promptCount) prompts with "
            + "\(choiceCount) each; send fewer prompts at a time"))
    }
  }
}
