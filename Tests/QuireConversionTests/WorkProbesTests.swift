import QuireCalibration
import QuireConversion
import QuireModel
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

@Suite struct WorkProbesTests {
  /// Every kind of work can be measured on a small model; how long anything takes is not looked at.
  @Test func everyKindIsMeasured() throws {
    let configuration = ModelConfiguration(
      hiddenSize: 128, headSize: 32, vocabularySize: 64, tiesEmbeddings: false,
      layers: [LayerShape(queryHeadCount: 4, keyValueHeadCount: 2, intermediateSize: 256)])
    var settings = QuantizationSettings(target: .int4(group: 64), method: .gptq, scaleSearch: .activations)
    settings.refitRounds = 1
    settings.asymmetry = 0.5
    let recipe = Recipe(
      name: "test", steps: [.rotate(.init()), .smooth(.init(method: .awq)), .quantize(settings)])
    let probes = WorkProbes(
      recipe: recipe, configuration: configuration, compute: Compute(threadCount: 2),
      secondsPerByteRead: 1e-9)
    let items = Set(
      WorkKind.allCases.map { kind in
        let isRounding = [WorkKind.pass, .codes, .trials, .rounding, .packing].contains(kind)
        return WorkItem(kind, width: 128, format: isRounding ? .int4(group: 64) : .bf16)
      })
    let known = WorkRates([WorkItem(.gram, width: 128): 5])
    let rates = probes.rates(of: items, known: known)
    for item in items {
      let seconds = try #require(rates.measured[item], "\(item.kind)")
      #expect(seconds.isFinite && seconds >= 0, "\(item.kind)")
    }
    #expect(rates.seconds(of: WorkItem(.gram, width: 128)) == 5, "what is known is not measured again")
    #expect(rates.seconds(of: WorkItem(.reading)) == 1e-9)
    #expect(
      rates.seconds(of: WorkItem(.cross, width: 64)) == WorkKind.cross.typicalSeconds, "nothing measured it")
  }

  /// Every problem takes memory until all are measured, which must not grow with the number of different layers.
  @Test func differentWidthsShareMeasurements() throws {
    let configuration = ModelConfiguration(
      hiddenSize: 128, headSize: 32, vocabularySize: 64, tiesEmbeddings: false,
      layers: [LayerShape(queryHeadCount: 4, keyValueHeadCount: 2, intermediateSize: 256)])
    let items = Set([32, 64, 96, 128, 160, 192, 256].map { WorkItem(.factor, width: $0) })
      .union([WorkItem(.gram, width: 64)])
    let chosen = WorkProbes.chosen(items)
    #expect(
      chosen == [
        WorkItem(.factor, width: 32), WorkItem(.factor, width: 128), WorkItem(.factor, width: 256),
        WorkItem(.gram, width: 64),
      ])
    let rates = WorkProbes(
      recipe: Recipe(name: "test", steps: []), configuration: configuration,
      compute: Compute(threadCount: 1), secondsPerByteRead: nil, secondsMax: 0.05
    ).rates(of: items, known: WorkRates())
    func seconds(_ width: Int) -> Double? { rates.measured[WorkItem(.factor, width: width)] }
    for (width, nearest) in [(64, 32), (96, 128), (160, 128), (192, 128)] {
      #expect(seconds(width) != nil && seconds(width) == seconds(nearest), "\(width)")
    }
  }

  /// A budget's time is counted with formats of the unpruned model.
  @Test func prunedWidthsAreCountedInWholeGroups() throws {
    #expect(WorkItem(.trials, width: 704, format: .int4(group: 128)).width == 768)
    #expect(WorkItem(.trials, width: 768, format: .int4(group: 128)).width == 768)
    #expect(WorkItem(.trials, width: 70, format: .int8()).width == 70)
    let bench = CalibratedConversion()
    TinyCheckpoint(layerCount: 2).write(to: bench.folder)
    let steps: [RecipeStep] = [
      .pruneNeurons(.init(group: 32, removal: .uniform(32))), .smooth(.init(method: .awq)),
      .budget(
        .init(
          limit: .bitsPerWeight(5), choices: [.int4(group: 64), .int4(group: 32), .int8()],
          quantization: QuantizationSettings(target: .int4(group: 64)))),
    ]
    #expect(try !bench.converter(bench.recipe(steps)).measured().plan.rates.measured.isEmpty)
  }

  /// A model that is wider than the probes is measured in its own proportions.
  @Test func wideModelsAreScaledDown() throws {
    let wide = try #require(PublishedShape(named: "qwen3-8b")).configuration
    let small = wide.probed(hidden: 1024)
    #expect(small.hiddenSize == 1024 && small.headSize == 128)
    #expect(small.layers == [LayerShape(queryHeadCount: 8, keyValueHeadCount: 2, intermediateSize: 3072)])
    #expect(small.probed(hidden: 1024).layers == small.layers)
  }
}
