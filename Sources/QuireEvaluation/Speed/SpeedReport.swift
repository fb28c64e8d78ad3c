package import QuireTensors

/// The result of a speed benchmark.
package struct SpeedReport: Sendable {
  /// One measured case; with drafts, one text.
  package struct Row: Sendable {
    package let plan: SpeedPlan.Case
    /// One entry per repetition: a whole prompt, one decode step, or a whole answer.
    package let seconds: [Double]
    /// The median of the limits measured between the repetitions of this row.
    package let limits: MachineLimits
    let work: SpeedWork  // of a repetition
    /// Present in rows with drafts; their only repetition is the whole answer.
    package let lookup: LookupOutcome?
    /// Present in rows with a draft model; their only repetition is the whole measurement.
    package let draft: DraftOutcome?

    /// Tokens of a repetition.
    var tokens: Int { draft?.tokenCount ?? (plan.phase == .decode ? plan.batch : plan.tokens) }

    package var medianSeconds: Double {
      let sorted = seconds.sorted()
      return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }

    package var tokensPerSecond: Double { Double(tokens) / medianSeconds }
    package var multiplyAddsPerSecond: Double { work.matrixMultiplyAdds / medianSeconds }
    package var bytesPerSecond: Double { work.bytes / medianSeconds }
    package var shareOfCompute: Double { multiplyAddsPerSecond / limits.int8MultiplyAddsPerSecond }
    package var shareOfBandwidth: Double { bytesPerSecond / limits.readBytesPerSecond }
    /// The least time that the limits allow, divided by the measured time.
    package var shareOfRoofline: Double { work.fewestSeconds(limits) / medianSeconds }
  }

  /// What was measured: the model's name and size.
  package struct Subject: Sendable {
    package let name: String
    package let layerCount: Int
    package let parameterCount: Int
    /// The formats of its matrices, the layers' first: "int4 g128", "int8".
    package let formats: [String]
    package let weightBytes: Int
  }

  package let subject: Subject
  package let version: String
  package let processor: String
  package let instructionSet: InstructionSet
  package let threadCount: Int
  package let keyValueElement: KeyValueElement
  /// The median of all measurements of the run.
  package let limits: MachineLimits
  package let rows: [Row]
}
