import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireModel
import QuireCheckpoints
import QuireJSON
import QuireTensors

// Parsing of the steps that take something out.
extension RecipeNode {
  func headPruning() throws(ConversionError) -> HeadPruningSettings {
    let what = "the step \"prune-heads\""
    try checkMembers(["step", "unit", "remove", "removeShare", "errorBudget", "repair", "trial"], of: what)
    let tries = try member("trial")?.boolean("trial") ?? false
    let removal = try removal(in: what)
    if tries, !removal.isSettled, let trial = member("trial") {
      throw trial.refusal(
        "trials decide which unit goes first from a layer whose count is given; "
          + "use \"remove\", or leave the field \"trial\" out")
    }
    return HeadPruningSettings(
      unit: try required("unit", in: what).choice("unit", as: HeadUnit.self), removal: removal,
      repairs: try member("repair")?.boolean("repair") ?? true, tries: tries)
  }

  func neuronPruning() throws(ConversionError) -> NeuronPruningSettings {
    let what = "the step \"prune-neurons\""
    try checkMembers(["step", "group", "remove", "removeShare", "errorBudget", "repair"], of: what)
    var group = NeuronPruningSettings.standardGroup
    if let node = member("group") {
      guard let value = node.value.intValue, WeightFormat.groups.contains(value) else {
        throw node.refusal(expected: "group to be 32, 64 or 128")
      }
      group = value
    }
    let removal = try removal(in: what)
    let counts: [Int] =
      switch removal {
      case .uniform(let count): [count]
      case .perLayer(let counts): counts
      case .share, .errorBudget: []
      }
    if let bad = counts.first(where: { $0 % group != 0 }), let node = member("remove") {
      throw node.refusal(
        "expected multiples of the group, \(group), so that what is left can be rounded in groups, found \(bad); "
          + "use \(bad / group * group) or \((bad / group + 1) * group), or a smaller group")
    }
    return NeuronPruningSettings(
      group: group, removal: removal, repairs: try member("repair")?.boolean("repair") ?? true)
  }

  /// One of the three ways to say how much goes.
  private func removal(in what: String) throws(ConversionError) -> Removal {
    let ways = ["remove", "removeShare", "errorBudget"]
    let given = ways.filter { member($0) != nil }
    guard given.count < 2 else {
      throw refusal(
        "expected one of \(Self.list(ways, joiner: "or")) in \(what), found "
          + "\(Self.list(given, joiner: "and")); keep one")
    }
    if let node = member("removeShare") { return .share(try node.number("removeShare", in: 0...0.9)) }
    if let node = member("errorBudget") { return .errorBudget(try node.number("errorBudget", in: 0...1)) }
    return try required("remove", in: what).counts()
  }

  private func counts() throws(ConversionError) -> Removal {
    guard value.arrayValue != nil else {
      let expected = "remove, an integer of at least 0 or an array of one such integer per layer"
      guard let count = value.intValue, count >= 0 else { throw refusal(expected: expected) }
      return .uniform(count)
    }
    var counts: [Int] = []
    for node in try elements("remove") {
      counts.append(try node.integer("the layer's count", in: 0...Int.max))
    }
    return .perLayer(counts)
  }
}
