import QuireTensors
import Testing

@Suite struct ProcessLimitsTests {
  /// Eight processors of four cores, as the system lists them.
  private func siblings(_ processor: Int) -> String? {
    (0..<8).contains(processor) ? "\(processor % 4),\(processor % 4 + 4)\n" : nil
  }

  @Test func processorsOfOneCoreCountOnce() {
    #expect(ProcessLimits.coreCount(allowing: { _ in true }, siblings: siblings) == 4)
    #expect(ProcessLimits.coreCount(allowing: { [0, 4, 1].contains($0) }, siblings: siblings) == 2)
    #expect(ProcessLimits.coreCount(allowing: { $0 == 5 }, siblings: siblings) == 1)
  }

  @Test func withoutKnowledgeThereIsNoCount() {
    #expect(ProcessLimits.coreCount(allowing: { _ in false }, siblings: siblings) == nil)
    #expect(ProcessLimits.coreCount(allowing: { _ in true }, siblings: { _ in nil }) == nil)
  }

  @Test func thisProcessMayUseCores() {
    #expect((1...ProcessLimits.processorCount).contains(ProcessLimits.coreCount))
  }
}
