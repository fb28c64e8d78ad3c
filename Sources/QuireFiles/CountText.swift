/// Counts with what is counted: "1 thread", "2 threads".
package enum CountText {
  /// - Parameter noun: in the singular, with a regular plural
  package static func of(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }
}
