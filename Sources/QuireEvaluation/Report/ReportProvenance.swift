/// Which program measured a report, and on which machine.
package struct ReportProvenance: Sendable, Equatable {
  package var program: String
  /// The command as a user types it.
  package var command: String
  package var processor: String
  package var coreCount: Int
  package var memoryBytes: Int
  /// The day of the measurement: "2026-11-28".
  package var date: String

  package init(
    program: String, command: String, processor: String, coreCount: Int, memoryBytes: Int, date: String
  ) {
    self.program = program
    self.command = command
    self.processor = processor
    self.coreCount = coreCount
    self.memoryBytes = memoryBytes
    self.date = date
  }
}
