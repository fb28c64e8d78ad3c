import QuireJSON
import QuireModel
import QuireOptimization

// What the pruning steps have in common: reading `remove` and its alternatives, and settling them.
extension RecipeNode {
  /// Reads one of the three fields that say how much to remove.
  func removal(in what: String) throws(ConversionError) -> Removal {
    let ways = ["remove", "removeShare", "errorBudget"]
    let given = ways.filter { member($0) != nil }
    guard given.count < 2 else {
      throw refusal(
        "expected one of \(Self.list(ways, joiner: "or")) in \(what), found "
          + "\(Self.list(given, joiner: "and")); keep one")
    }
    if let node = member("removeShare") { return .share(try node.number("removeShare", in: 0...0.9)) }
    if let node = member("errorBudget") { return .errorBudget(try node.number("errorBudget", in: 0...1)) }
    guard let node = member("remove") else {
      throw refusal("expected one of \(Self.list(ways, joiner: "or")) in \(what), found none; add one")
    }
    return try node.counts()
  }

  /// The field "repair": the share that is applied, 0 for none; nil where trials decide it.
  func repair() throws(ConversionError) -> Double? {
    guard let node = member("repair") else { return nil }
    if let isRepaired = node.value.boolValue { return isRepaired ? nil : 0 }
    guard let share = node.value.doubleValue, (0...1).contains(share) else {
      throw node.refusal(expected: "repair, true, false or a number from 0.0 to 1.0")
    }
    return share
  }

  private func counts() throws(ConversionError) -> Removal {
    guard value.arrayValue != nil else {
      let expected = "remove, an integer of at least 0 or an array of one such integer per layer"
      guard let count = value.count.value else { throw refusal(expected: expected) }
      return .uniform(count)
    }
    var counts: [Int] = []
    for node in try elements("remove") {
      counts.append(try node.integer("the layer's count", in: 0...Int.max))
    }
    return .perLayer(counts)
  }
}

extension Removal {
  /// The counts given in a recipe; empty when a survey decides.
  var givenCounts: [Int] {
    switch self {
    case .uniform(let count): [count]
    case .perLayer(let counts): counts
    case .share, .errorBudget: []
    }
  }

  /// The shapes after the removal; unchanged while a survey must decide.
  ///
  /// - Parameters:
  ///   - unit: the name of a unit in errors
  ///   - unitSize: the number of heads or channels that a survey removes together
  ///   - units: how many of these a layer has, including those that may not be removed
  ///   - largest: how many heads or channels may be removed from a layer
  ///   - shape: the shape that is left of a layer
  func shapes(
    after layers: [LayerShape], unit: String, unitSize: Int = 1, units: (LayerShape) -> Int,
    largest: (LayerShape) -> Int, shape: (LayerShape, Int) -> LayerShape
  ) throws(ConversionError) -> [LayerShape] {
    if case .share(let share) = self {
      try Self.check(
        share: share, of: layers.map(units), removable: layers.map { largest($0) / unitSize }, unit: unit)
    }
    if case .perLayer(let counts) = self, counts.count != layers.count {
      throw .removalCounts(found: counts.count, layers: layers.count)
    }
    var result: [LayerShape] = []
    for (index, before) in layers.enumerated() {
      guard let count = count(layer: index) else { return layers }
      guard count <= largest(before) else {
        throw .removesTooMuch(layer: index, unit: unit, asked: count, largest: largest(before))
      }
      result.append(shape(before, count))
    }
    return result
  }

  /// Refuses a share that would leave nothing of some layer.
  private static func check(
    share: Double, of units: [Int], removable: [Int], unit: String
  ) throws(ConversionError) {
    let (all, most) = (units.reduce(0, +), removable.reduce(0, +))
    guard PruningTable.goal(share: share, of: all) > most else { return }
    // bounded: floats
    throw .removesTooLargeShare(
      unit: unit, asked: share, largest: (100 * Double(most) / Double(all)).rounded(.down) / 100)
  }

  /// How many units of a layer a survey removes one after another, to know what they cost: half of them, and where the
  /// removal may need more, all that can be removed. Each costs as much time as any other.
  ///
  /// - Parameters:
  ///   - count: the units of the layer
  ///   - removable: those of them that may be removed
  package func surveyedUnits(of count: Int, removable: Int) -> Int {
    let half = min(removable, count / 2)
    switch self {
    case .uniform, .perLayer: return half
    // bounded: floats
    case .share(let share): return share * Double(count) <= Double(half) ? half : removable
    case .errorBudget: return removable
    }
  }

  /// The removal with counts in place of a share or a budget.
  ///
  /// - Parameter units: number of units in a layer of the table, including those that may not be removed
  func settled(by table: PruningTable, unitSize: Int, units: (_ layer: Int) -> Int) -> Removal {
    // bounded: at most as many units as the layer has
    switch self {
    case .uniform, .perLayer: self
    case .share(let share):
      .perLayer(
        table.counts(share: share, unitsInLayer: table.layers.indices.map(units)).map { $0 * unitSize })
    case .errorBudget(let budget): .perLayer(table.counts(errorBudget: budget).map { $0 * unitSize })
    }
  }
}
