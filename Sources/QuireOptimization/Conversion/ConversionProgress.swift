import QuireModel

/// How far a conversion has come.
package struct ConversionProgress: Sendable, Equatable {
  package enum Phase: String, Sendable {
    case embedding, layers, head, sources
  }

  package let phase: Phase
  package let layersDone: Int
  package let layerCount: Int
  /// Share of the whole work, 0 … 1.
  package let fractionDone: Double
  package let secondsElapsed: Double
  /// nil until there is something to judge by.
  package let secondsLeft: Double?
}

/// Counts work done and reports it. One thread at a time.
final class ProgressMeter {
  private let report: ((ConversionProgress) -> Void)?
  private let layerCount: Int
  private let totalWork: Double
  private let start = ContinuousClock.now
  private var work = 0.0
  /// What an earlier run did, which took no time of this one.
  private var workFound = 0.0
  private var layersDone = 0

  /// Reading a byte for its hash takes about this share of quantizing it.
  private static let hashingFactor = 0.2
  /// Running calibration windows through a layer takes this many times as long as quantizing it.
  private static let calibrationFactor = 20.0
  private let layerFactor: Double
  /// Bytes of each layer, and of embedding and head, in the checkpoint.
  private let layerBytes: [Double]
  private let tableBytes: [TensorName: Double]
  /// Share of the work that hashing the sources is.
  private let hashingPart: Double

  init(_ plan: ConversionPlan, report: ((ConversionProgress) -> Void)?) {
    self.report = report
    layerCount = plan.source.configuration.layerCount
    layerFactor = plan.recipe.needsCalibration ? Self.calibrationFactor : 1
    var layerBytes = [Double](repeating: 0, count: layerCount)
    var tableBytes: [TensorName: Double] = [:]
    for tensor in plan.source.tensors {
      if case .layer(let index, _) = tensor.name {
        layerBytes[index] += Double(tensor.byteCount)
      } else if !tensor.name.isNorm {
        tableBytes[tensor.name] = Double(tensor.byteCount)
      }
    }
    self.layerBytes = layerBytes
    self.tableBytes = tableBytes
    let conversion = layerBytes.reduce(0, +) * layerFactor + tableBytes.values.reduce(0, +)
    let hashing = Double(plan.source.byteCount) * Self.hashingFactor
    totalWork = conversion + hashing
    hashingPart = hashing / max(1, totalWork)
  }

  /// An earlier run has done so much.
  func resume(layersDone count: Int) {
    work = tableBytes[.embedding] ?? 0
    for _ in 0..<count {
      work += layerBytes[layersDone] * layerFactor
      layersDone += 1
    }
    workFound = work
  }

  /// A phase begins.
  func begin(_ phase: ConversionProgress.Phase) { send(phase) }

  /// The next layer is done.
  func finishLayer() {
    work += layerBytes[layersDone] * layerFactor
    layersDone += 1
    send(.layers)
  }

  /// Embedding or head is done.
  func finishTable(_ name: TensorName) {
    work += tableBytes[name] ?? 0
    send(name == .head ? .head : .embedding)
  }

  /// So much of the sources, share 0 … 1, has been hashed.
  func hashed(share: Double) {
    work = totalWork * (1 - hashingPart * (1 - share))
    send(.sources)
  }

  private func send(_ phase: ConversionProgress.Phase) {
    guard let report else { return }
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    let fraction = min(1, work / max(1, totalWork))
    let ownWork = work - workFound
    report(
      ConversionProgress(
        phase: phase, layersDone: layersDone, layerCount: layerCount, fractionDone: fraction,
        secondsElapsed: elapsed,
        secondsLeft: ownWork > 0 ? elapsed * max(0, totalWork - work) / ownWork : nil))
  }
}
