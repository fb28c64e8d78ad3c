/// The time that a plan expects of a conversion, by stage.
package struct PlannedTime: Sendable, Equatable {
  package private(set) var stages: [WorkStage: Double] = [:]
  package var seconds: Double { stages.values.reduce(0, +) }

  init(_ work: ConversionWork, _ rates: WorkRates) {
    stages[.survey] = Self.total(work.survey, rates)
    stages[.repair] = Self.total(work.repair, rates)
    for table in work.tables.values { add(table.seconds(rates)) }
    for layer in work.layers { add(Self.overlapped(layer.seconds(rates))) }
  }

  /// The time once a run is found to resume, and so expects `left`; a conversion has its survey and trials before it.
  package func resumed(_ work: RunStart.Work, as left: PlannedTime) -> PlannedTime {
    guard work == .conversion else { return left }
    var result = left
    for stage in [WorkStage.survey, .repair] { result.stages[stage] = stages[stage] }
    return result
  }

  /// Seconds of all stages.
  static func total(_ work: Work, _ rates: WorkRates) -> Double {
    work.seconds(rates).values.reduce(0, +)
  }

  /// A layer is read while the one before it is converted, so that only what reading takes longer counts.
  static func overlapped(_ stages: [WorkStage: Double]) -> [WorkStage: Double] {
    var stages = stages
    let reading = stages.removeValue(forKey: .reading) ?? 0
    stages[.reading] = max(0, reading - stages.values.reduce(0, +))
    return stages
  }

  /// The measured and the planned seconds of a conversion, in all and by stage:
  ///
  ///     time: 8.1 s (planned: 8.6 s): survey 2.1 s (2.0 s), calibration 3.1 s (3.3 s), optimizing 2.9 s (3.3 s)
  ///
  /// - Parameter before: seconds of the survey and of the trials of repair
  package func sentence(before: [WorkStage: Double], _ times: ConversionTimes) -> String {
    let stagesBefore = [WorkStage.survey, .repair].map { ($0.title, before[$0] ?? 0, stages[$0] ?? 0) }
    let rows: [(title: String, measured: Double, planned: Double)] =
      stagesBefore + [
        ("waiting for the checkpoint", times.waiting, stages[.reading] ?? 0),
        ("calibration", times.calibrating, stages[.calibration] ?? 0),
        ("optimizing", times.optimizing, stages[.optimizing] ?? 0),
        ("writing", times.packing + times.finishing, stages[.packing] ?? 0),
      ]
    let measured = rows.reduce(0) { $0 + $1.measured }
    let parts = rows.filter { max($0.measured, $0.planned) >= 0.05 }.map {
      "\($0.title) \(ConversionPlan.time($0.measured)) (\(ConversionPlan.time($0.planned)))"
    }
    return "time: \(ConversionPlan.time(measured)) (planned: \(ConversionPlan.time(seconds)))"
      + (parts.isEmpty ? "" : ": " + parts.joined(separator: ", "))
  }

  private mutating func add(_ seconds: [WorkStage: Double]) { stages.merge(seconds, uniquingKeysWith: +) }
}
