package import QuireTensors

/// What decides the speed of some work: its kind, and where that matters the width and the format of its matrices.
package struct WorkItem: Hashable, Sendable {
  package let kind: WorkKind
  /// Inputs of the matrices in whole groups of the format, at most as many as the kind is measured with. A budget is
  /// counted with a format that a pruned matrix may not have.
  package let width: Int
  /// bf16 for floats of any size.
  package let format: WeightFormat

  package init(_ kind: WorkKind, width: Int = 1, format: WeightFormat = .bf16) {
    self.kind = kind
    let group = format.group ?? 1
    self.width = (min(width, kind.widthLimit) + group - 1) / group * group
    self.format = format
  }
}

/// Amounts of work by item, in the units of their kinds.
///
///     var work = Work()
///     work.add(.gram, width: 4096, 1e12)
///     work.seconds(rates)
package struct Work: Sendable, Equatable {
  package private(set) var amounts: [WorkItem: Double] = [:]

  package init() {}

  package mutating func add(_ kind: WorkKind, width: Int = 1, format: WeightFormat = .bf16, _ amount: Double)
  {
    guard amount > 0 else { return }
    amounts[WorkItem(kind, width: width, format: format), default: 0] += amount
  }

  package static func += (left: inout Work, right: Work) {
    left.amounts.merge(right.amounts, uniquingKeysWith: +)
  }

  package static func * (work: Work, factor: Double) -> Work {
    var result = work
    result.amounts = work.amounts.mapValues { $0 * factor }
    return result
  }

  /// The amount of one kind, over all widths and formats.
  package subscript(kind: WorkKind) -> Double {
    amounts.reduce(0) { $1.key.kind == kind ? $0 + $1.value : $0 }
  }

  /// Seconds of work by stage, as if nothing ran at the same time.
  package func seconds(_ rates: WorkRates) -> [WorkStage: Double] {
    amounts.reduce(into: [:]) { $0[$1.key.kind.stage, default: 0] += $1.value * rates.seconds(of: $1.key) }
  }
}

/// Seconds for one unit of each item.
package struct WorkRates: Sendable, Equatable {
  package let measured: [WorkItem: Double]

  /// Rates that are not measured are those of a typical machine.
  package init(_ measured: [WorkItem: Double] = [:]) { self.measured = measured }

  package func seconds(of item: WorkItem) -> Double { measured[item] ?? item.kind.typicalSeconds }
}
