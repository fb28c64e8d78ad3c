import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel

/// The progress of a conversion.
package struct ConversionProgress: Sendable, Equatable {
  package enum Phase: String, Sendable {
    case embedding, layers, head, sources
  }

  package let phase: Phase
  package let layersDone: Int
  package let layerCount: Int
  /// Share of the time that this run will take, 0 … 1.
  package let fractionDone: Double
  /// nil until something has been measured.
  package let secondsLeft: Double?
}

/// Counts work done and reports it. One thread at a time.
///
/// The remaining time is predicted from measurements: layers from layers, embedding and lm_head from each other.
/// Before the first layer is done, a rough estimate of its work is used.
final class ProgressMeter {
  /// Work of one kind, in estimated seconds, and the seconds that it took.
  private struct Account {
    var done = 0.0
    var left = 0.0
    var seconds = 0.0
    /// Measured seconds per estimated second; nil before anything is done.
    var rate: Double? { done > 0 ? seconds / done : nil }

    mutating func finish(_ work: Double, in seconds: Double) {
      done += work
      left = max(0, left - work)
      self.seconds += seconds
    }
  }

  private let report: ((ConversionProgress) -> Void)?
  private let layerCount: Int
  private let start = ContinuousClock.now
  private var last: ContinuousClock.Instant
  private var layersDone = 0
  private var fractionDone = 0.0

  private let plan: ConversionPlan
  private let work: ConversionWork
  private var rates: WorkRates { plan.rates }
  private var layers = Account()
  private var tables = Account()

  init(_ plan: ConversionPlan, report: ((ConversionProgress) -> Void)?) {
    self.report = report
    last = start
    layerCount = plan.source.configuration.layerCount
    self.plan = plan
    work = ConversionWork(plan)
    expect(work)
  }

  /// So many layers were done by an earlier run: they are no longer to do, and took no time of this run.
  func resume(after start: RunStart, layersDone count: Int) {
    expect(work.left(of: plan.resuming(start)))
    layersDone = count
  }

  private func expect(_ left: ConversionWork) {
    layers.left = left.layers.reduce(0) { $0 + PlannedTime.total($1, rates) }
    tables.left = left.tables.values.reduce(0) { $0 + PlannedTime.total($1, rates) }
  }

  /// A phase begins.
  func begin(_ phase: ConversionProgress.Phase) { send(phase) }

  /// The next layer is done.
  func finishLayer() {
    layers.finish(PlannedTime.total(work.layers[layersDone], rates), in: lap())
    layersDone += 1
    send(.layers)
  }

  /// Embedding or lm_head is done.
  func finishTable(_ name: TensorName) {
    tables.finish(seconds(of: name), in: lap())
    send(name == .head ? .head : .embedding)
  }

  /// The share of the sources that has been hashed, 0 … 1.
  func hashed(share: Double) {
    if share >= 1 { fractionDone = 1 }
    send(.sources)
  }

  private func seconds(of table: TensorName) -> Double {
    work.tables[table].map { PlannedTime.total($0, rates) } ?? 0
  }

  /// Seconds since the last call.
  private func lap() -> Double {
    let now = ContinuousClock.now
    defer { last = now }
    return (now - last) / .seconds(1)
  }

  /// Remaining seconds; nil before anything is done.
  private var secondsLeft: Double? {
    guard layers.rate != nil || tables.rate != nil else { return nil }
    return layers.left * (layers.rate ?? 1) + tables.left * (tables.rate ?? layers.rate ?? 1)
  }

  private func send(_ phase: ConversionProgress.Phase) {
    guard let report else { return }
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    let left = fractionDone == 1 ? 0 : secondsLeft
    if let left, elapsed + left > 0, left > 0 {
      // A new prediction may be higher; the progress bar never moves back.
      fractionDone = min(1, max(fractionDone, elapsed / (elapsed + left)))
    }
    report(
      ConversionProgress(
        phase: phase, layersDone: layersDone, layerCount: layerCount, fractionDone: fractionDone,
        secondsLeft: left))
  }
}
