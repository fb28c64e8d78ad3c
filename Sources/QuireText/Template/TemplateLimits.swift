/// What a template may use, so that a hostile one ends with a sentence.
///
/// A chat of thousands of messages stays far below each limit: a step is the evaluation of one expression or statement,
/// or the copying of 64 bytes of text.
enum TemplateLimits {
  static let steps = 3_000_000
  static let stepBytes = 64
  /// Of one text, and of the prompt.
  static let textBytes = 16 << 20
  /// Macros, loops, statements and expressions that are being run at one time.
  static let depth = 1200
  /// Lists and dictionaries within each other.
  static let valueDepth = 600
  /// Elements of one list.
  static let elementCount = 2_000_000
  /// Elements of one `range`, as in Jinja's sandbox.
  static let rangeCount = 100_000

  static let tooManySteps = TemplateFault(
    .limit, "expected the template to render the chat in at most \(steps) steps, found no end")
  static let tooMuchText = TemplateFault(
    .limit, "expected texts of at most \(textBytes >> 20) MiB, found a longer one")
  static let tooDeep = TemplateFault(
    .limit, "expected macros and expressions nested at most \(depth) deep while they run, found deeper ones")
  static let tooDeepValue = TemplateFault(
    .limit, "expected lists and dictionaries nested at most \(valueDepth) deep, found deeper ones")
  static let tooManyElements = TemplateFault(
    .limit, "expected lists of at most \(elementCount) elements, found a longer one")
}

/// Counts the steps of one rendering.
final class TemplateWork {
  private var steps = 0

  @inline(__always)
  func charge(_ count: Int = 1) throws(TemplateFault) {
    steps += count
    if steps > TemplateLimits.steps { throw TemplateLimits.tooManySteps }
  }
}
