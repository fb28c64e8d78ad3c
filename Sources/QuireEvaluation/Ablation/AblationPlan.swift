import QuireFiles
package import QuireModel
import QuireModelFiles
import QuireOptimization
import QuireTensors

/// Which states of which techniques are measured on a model.
package struct AblationPlan: Sendable, Equatable {
  /// A technique with its states, the plainest first, the fastest last.
  package struct Axis: Sendable, Equatable {
    package let technique: AblationTechnique
    package let levels: [AblationLevel]

    package init(_ technique: AblationTechnique, _ levels: [AblationLevel]) {
      self.technique = technique
      self.levels = levels
    }
  }

  /// Each has at least two levels.
  package private(set) var axes: [Axis] = []
  /// Every technique off, and every technique on.
  package private(set) var none = AblationSetting()
  package private(set) var all = AblationSetting()
  /// Techniques that cannot be shown, a sentence each with the reason.
  package private(set) var notes: [String] = []
  /// Whether techniques are also measured alone.
  package let measuresAlone: Bool

  /// - Parameters:
  ///   - techniques: those to switch; the others stay on
  ///   - threadCount: the most threads
  ///   - slots: requests that are computed together at most
  package init(
    _ subject: AblationSubject, techniques: [AblationTechnique], threadCount: Int, slots: Int,
    measuresAlone: Bool
  ) {
    self.measuresAlone = measuresAlone
    for technique in AblationTechnique.allCases {
      let (levels, note) = Self.levels(
        technique, subject, threadCount: threadCount, slots: slots)
      guard techniques.contains(technique) || technique != .heads else { continue }
      if let last = levels.last {
        all = all.with(last)
        none = none.with(techniques.contains(technique) ? levels[0] : last)
      }
      guard techniques.contains(technique) else { continue }
      if let note { notes.append("\(technique.title): \(note)") }
      if levels.count > 1 { axes.append(Axis(technique, levels)) }
    }
  }

  /// Every setting to measure, each once.
  package var settings: [AblationSetting] {
    var found: [AblationSetting] = []
    func add(_ setting: AblationSetting) { if !found.contains(setting) { found.append(setting) } }
    if measuresAlone { add(none) }
    for axis in axes {
      if measuresAlone { axis.levels.dropFirst().forEach { add(none.with($0)) } }
      axis.levels.dropLast().forEach { add(all.with($0)) }
    }
    add(all)
    return found
  }

  /// The setting whose answers are compared with: everything on that cannot change an answer, and the plainest state of
  /// all else.
  package var reference: AblationSetting {
    axes.filter(\.technique.mayChangeAnswers).reduce(all) { $0.with($1.levels[0]) }
  }

  /// The states of a technique on this model, at least one, and why states are missing.
  private static func levels(
    _ technique: AblationTechnique, _ subject: AblationSubject, threadCount: Int, slots: Int
  ) -> (levels: [AblationLevel], note: String?) {
    switch technique {
    case .weights: return (subject.weights.map { .weights($0) }, subject.weightsNote)
    case .heads:
      guard let note = subject.headsNote else {
        return ([.heads(isPruned: false), .heads(isPruned: true)], nil)
      }
      return ([.heads(isPruned: false)], note)
    case .cacheType:
      let elements = [KeyValueElement.float32, .float16, .int8].filter {
        $0.holds(headSize: subject.configuration.headSize)
      }
      return (
        elements.map { .cacheType($0) },
        elements.contains(.int8)
          ? nil : "int8 needs heads of a multiple of 16, and the model has \(subject.configuration.headSize)"
      )
    case .prefixCache: return ([.prefixCache(false), .prefixCache(true)], nil)
    case .batching:
      guard slots > 1 else { return ([.batching(.single)], "there is only one slot, so nothing is batched") }
      return ([.batching(.single), .batching(.groups), .batching(.continuous)], nil)
    case .threads:
      guard threadCount > 1 else { return ([.threads(1)], "there is only one thread to compute with") }
      return ([.threads(1), .threads(threadCount)], nil)
    case .lookup: return ([.lookup(false), .lookup(true)], nil)
    }
  }
}

/// What a model on disk allows an ablation to show.
package struct AblationSubject: Sendable, Equatable {
  package let configuration: ModelConfiguration
  /// The formats that can be measured, the plainest first.
  package private(set) var weights: [AblationWeights] = [.stored]
  package private(set) var weightsNote: String?
  /// Why no head is removed; nil when one is.
  package private(set) var headsNote: String?
  /// The group of nl4 and int4 weights, before and after pruning.
  package private(set) var group = 128
  /// Whether all variants of the model fit into memory together.
  package private(set) var keepsModels = false

  /// - Parameters:
  ///   - storedBytes: of the weights as they are stored
  ///   - availableBytes: of memory
  package init(
    isPack: Bool, configuration: ModelConfiguration, storedBytes: Int, availableBytes: Int
  ) {
    self.configuration = configuration
    guard !isPack else {
      let advice = "give the checkpoint that it was made from to compare with others"
      weightsNote = "a pack has the formats that its recipe chose; \(advice)"
      headsNote = "a pack has the heads that its recipe left; \(advice)"
      keepsModels = true
      return
    }
    let shapes = configuration.layers
    if Set(shapes.map(\.keyValueHeadCount)).count > 1 || Set(shapes.map(\.queryHeadCount)).count > 1 {
      headsNote = "the layers have different numbers of heads, so the checkpoint has been pruned already"
    } else if shapes[0].keyValueHeadCount < 2 {
      headsNote = "each layer has one KV group, which cannot be removed"
    }
    chooseFormats(storedBytes: storedBytes, availableBytes: availableBytes)
  }

  private mutating func chooseFormats(storedBytes: Int, availableBytes: Int) {
    weights = [.float32, .bf16, .int8, .nl4, .int4]
    let widths = Set(
      configuration.tensorNames.filter { !$0.isNorm }.map { $0.shape(in: configuration)[1] }
        + (headsNote == nil ? configuration.layers.map(prunedWidth) : []))
    var notes: [String] = []
    if let fitting = [128, 64, 32].first(where: { group in widths.allSatisfy { $0 % group == 0 } }) {
      group = fitting
    } else {
      weights.removeAll { $0 == .nl4 || $0 == .int4 }
      let odd = widths.filter { $0 % 32 != 0 }.sorted()
      notes.append("nl4 and int4 need widths that are multiples of 32, found \(odd[0])")
    }
    let parameters = Double(configuration.parameterCount)
    // Made from the stored weights, which are in memory as well.
    let wideBytes = 4 * parameters + Double(storedBytes)
    if wideBytes > 0.9 * Double(availableBytes) {
      weights.removeAll { $0 == .float32 }
      notes.append(
        "float32 weights take \(ByteText.of(Int(wideBytes))) of memory, and \(ByteText.of(availableBytes)) are "
          + "available")
    }
    weightsNote = notes.isEmpty ? nil : notes.joined(separator: "; ")
    let bytesPerParameter = weights.reduce(0.0) { $0 + Self.bytesPerParameter($1) }
    let copies = headsNote == nil ? 2.0 : 1.0
    keepsModels = copies * parameters * bytesPerParameter < 0.6 * Double(availableBytes)
  }

  /// Inputs of the output projection without one KV group.
  private func prunedWidth(_ shape: LayerShape) -> Int {
    shape.queryHeadCount / shape.keyValueHeadCount * (shape.keyValueHeadCount - 1) * configuration.headSize
  }

  private static func bytesPerParameter(_ weights: AblationWeights) -> Double {
    switch weights {
    case .float32: 4
    case .stored, .bf16: 2
    case .int8: 1.05
    case .nl4, .int4: 0.7
    }
  }

  /// How matrices are rounded; nil for floats.
  func quantization(_ weights: AblationWeights) -> QuantizationSettings? {
    switch weights {
    case .stored, .float32, .bf16: nil
    case .int8: QuantizationSettings(target: .int8())
    case .nl4: QuantizationSettings(target: .nl4(group: group))
    case .int4: QuantizationSettings(target: .int4(group: group))
    }
  }
}
