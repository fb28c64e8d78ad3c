/// Why a constraint was refused. `description` is one sentence.
package struct GrammarError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The keyword of a JSON Schema that is at fault, if one is.
  package let keyword: String?
  package let description: String

  package init(_ description: String, keyword: String? = nil) {
    self.description = description
    self.keyword = keyword
  }

  init(_ subject: String, expected: String, found: String, advice: String, keyword: String? = nil) {
    self.init("\(subject): expected \(expected), found \(found); \(advice)", keyword: keyword)
  }
}
