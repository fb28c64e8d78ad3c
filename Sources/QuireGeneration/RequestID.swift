/// Identifies a submitted request of an engine; ids increase in order of submission.
package struct RequestID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let value: UInt64

  package init(value: UInt64) {
    self.value = value
  }

  package static func < (left: RequestID, right: RequestID) -> Bool {
    left.value < right.value
  }

  package var description: String { "request \(value)" }
}
