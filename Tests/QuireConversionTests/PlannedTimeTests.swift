import QuireCalibration
import QuireConversion
import QuireModel
import QuireOptimization
import QuireTensors
import Testing

/// The amounts of work that a plan counts, and the time that follows from given rates. Nothing is measured here.
@Suite struct PlannedTimeTests {
  private static let tokens = 4 * 64

  private func plan(_ steps: [RecipeStep], layerCount: Int = 2, windows: Int = 4) throws -> ConversionPlan {
    let layer = LayerShape(queryHeadCount: 8, keyValueHeadCount: 4, intermediateSize: 768)
    let demo = ModelConfiguration(
      hiddenSize: 256, headSize: 32, vocabularySize: 768, tiesEmbeddings: false,
      layers: Array(repeating: layer, count: layerCount))
    let text = CalibrationSettings(windowCount: windows, windowTokens: 64)
    return try ConversionPlan(
      recipe: Recipe(name: "test", steps: steps, calibration: text), configuration: demo, threadCount: 2)
  }

  private func total(_ plan: ConversionPlan) -> Work {
    ConversionWork(plan).layers.reduce(into: Work()) { $0 += $1 }
  }

  private func gptq(_ format: WeightFormat, refit: Int = 3, asymmetry: Double = 0.5) -> RecipeStep {
    var settings = QuantizationSettings(target: format, method: .gptq, scaleSearch: .activations)
    settings.refitRounds = refit
    settings.asymmetry = asymmetry
    return .quantize(settings)
  }

  // Weights of the demo's matrices: q, k and v; o; gate and up; down.
  private let qkv = 131_072.0
  private let output = 65_536.0
  private let gateUp = 393_216.0
  private let down = 196_608.0

  @Test func passesAreThoseOfTheRun() throws {
    let work = total(try plan([.smooth(.init(method: .awq)), gptq(.nl4(group: 64))]))
    let tokens = Double(Self.tokens)
    // Floats: smoothing observes both halves from the beginning; the reference is observed before o and down, and
    // advances through the attention, and in all layers but the last through the MLP.
    let perLayer = 2 * qkv + output + gateUp + 2 * qkv + output + gateUp
    #expect(work[.pass, .bf16] == tokens * (2 * perLayer + gateUp + down))
    // Rounded matrices: observed before o and down, advanced likewise.
    let rounded = 2 * qkv + output + gateUp
    #expect(work[.pass, .nl4(group: 64)] == tokens * (2 * rounded + gateUp + down))
  }

  @Test func layersAndTextMultiplyTheWork() throws {
    // Without a reference and without a last layer that is different.
    let steps: [RecipeStep] = [.rotate(.init()), .quantize(.init(target: .int4(group: 128)))]
    let (two, four) = (total(try plan(steps)), total(try plan(steps, layerCount: 4)))
    #expect(two[.rotation] == 2 * (qkv + output + gateUp + down))
    #expect(four == two * 2)

    let calibrated = [gptq(.int4(group: 128))]
    let (short, long) = (total(try plan(calibrated)), total(try plan(calibrated, windows: 8)))
    for kind in [WorkKind.pass, .gram, .cross, .attention, .states] {
      #expect(short[kind] > 0 && long[kind] == 2 * short[kind], "\(kind)")
    }
    for kind in [WorkKind.factor, .codes, .products] {
      #expect(short[kind] > 0 && long[kind] == short[kind], "\(kind)")
    }
  }

  @Test func fieldsOfTheRecipeAddWork() throws {
    let plain = total(try plan([gptq(.int4(group: 128), refit: 0, asymmetry: 0)]))
    let refitted = total(try plan([gptq(.int4(group: 128), refit: 3, asymmetry: 0)]))
    let aimed = total(try plan([gptq(.int4(group: 128), refit: 0, asymmetry: 0.5)]))
    // One product for solving and the error; one more for the residuals and for each round; three for the target.
    #expect(refitted[.products] == 5 * plain[.products] && aimed[.products] == 4 * plain[.products])
    #expect(plain[.cross] == 0 && aimed[.cross] > 0 && plain[.trials] == 0)
    #expect(aimed[.pass] > plain[.pass])
    let smoothed = total(try plan([.smooth(.init(method: .awq)), gptq(.int4(group: 128))]))
    // 21 trials of all rows, none of these matrices being taller than what is sampled but gate and up.
    #expect(smoothed[.trials] == 2 * 21 * (qkv + output + gateUp * 512 / 768 + down))
  }

  @Test func groupsAreMeasuredApart() throws {
    func time(_ format: WeightFormat) throws -> Double {
      var plan = try plan([gptq(format)])
      plan.rates = WorkRates([
        WorkItem(.codes, width: 256, format: .int4(group: 32)): 3e-6,
        WorkItem(.codes, width: 256, format: .int4(group: 128)): 1e-6,
      ])
      return plan.time.stages[.optimizing] ?? 0
    }
    let codes = 2 * (qkv + 2 * 128 * 256 + output + gateUp)  // bands of k and v keep one of two threads busy
    let difference = try time(.int4(group: 32)) - time(.int4(group: 128))
    #expect(abs(difference - 2e-6 * codes) < 1e-9)
  }

  /// Before a survey, the largest format that all matrices can have stands for those that it will choose.
  @Test(arguments: [(3.5, WeightFormat.nl3(group: 64)), (4.72, .nl4(group: 32)), (9, .int8())])
  func aBudgetIsCountedInTheFormatThatFits(_ bits: Double, _ format: WeightFormat) throws {
    let budget = BudgetSettings(
      limit: .bitsPerWeight(bits), quantization: .init(target: .nl3(group: 128), method: .gptq))
    let work = total(try plan([.budget(budget)]))
    #expect(work[.codes, format] > 0 && work[.codes, format] == work[.codes])
  }

  @Test func theTimeFollowsTheRates() throws {
    var plan = try plan([gptq(.int4(group: 128))])
    let items = plan.workItems
    func rates(_ seconds: (WorkItem) -> Double) -> WorkRates {
      WorkRates(Dictionary(uniqueKeysWithValues: items.map { ($0, seconds($0)) }))
    }
    let work = ConversionWork(plan)
    var all = total(plan)
    for table in work.tables.values { all += table }
    plan.rates = rates { $0.kind == .gram ? 8.64 / all[.gram] : 0 }
    #expect(abs(plan.time.seconds - 8.64) < 1e-9)
    #expect(plan.text.contains("time: about 8.6 s; measured layer by layer"))
    plan.rates = rates { $0.kind == .gram ? 1240 / all[.gram] : 0 }
    #expect(plan.text.contains("time: about 21 min;"))
  }

  @Test func layersAreReadMeanwhile() throws {
    var plan = try plan([gptq(.int4(group: 128))])
    let items = plan.workItems
    func time(reading: Double) -> PlannedTime {
      plan.rates = WorkRates(
        Dictionary(
          uniqueKeysWithValues: items.map {
            ($0, $0.kind == .reading ? reading : $0.kind == .gram ? 1e-9 : 0)
          }))
      return plan.time
    }
    let tables = 2.0 * 2 * 768 * 256
    let (fast, slow) = (time(reading: 1e-9), time(reading: 1e-3))
    #expect(abs((fast.stages[.reading] ?? 0) - 1e-9 * tables) < 1e-12)
    #expect(slow.seconds > 1e-3 * 2 * 2 * (qkv + output + gateUp + down))
  }

  @Test func aPlanSaysWhereNothingWasMeasured() throws {
    var plan = try plan([gptq(.int4(group: 128))])
    #expect(plan.text.contains(" at the speed of a typical machine; measured"))
    plan.rates = WorkRates([WorkItem(.reading): 1e-9])
    #expect(!plan.text.contains("typical"))
  }

  /// Every layer of this plan takes a second.
  @Test func aResumedPlanCountsWhatIsLeft() throws {
    var plan = try plan([gptq(.int4(group: 128), asymmetry: 0)], layerCount: 4)
    let layer = ConversionWork(plan).layers[0]
    plan.rates = WorkRates(
      Dictionary(
        uniqueKeysWithValues: plan.workItems.map { ($0, $0.kind == .codes ? 1 / layer[.codes] : 0) }))
    #expect(abs(plan.time.seconds - 4) < 1e-9 && abs(plan.timeLeft.seconds - 4) < 1e-9)
    for (found, seconds) in [
      (RunStart.Found.nothing, 4.0), (.useless(reason: "is old"), 4), (.layers(0), 4), (.layers(3), 1),
      (.everything, 0),
    ] {
      plan.start = RunStart(.conversion, found)
      #expect(abs(plan.timeLeft.seconds - seconds) < 1e-9, "\(found)")
      #expect(abs(plan.time.seconds - 4) < 1e-9)
    }
    plan.start = RunStart(.conversion, .layers(3))
    #expect(plan.text.contains("time: about 1.0 s left of 4.0 s; measured"))
    #expect(abs(plan.time.resumed(.conversion, as: plan.timeLeft).seconds - 1) < 1e-9)
    plan.start = RunStart(.conversion, .nothing)
    #expect(plan.text.contains("time: about 4.0 s; measured"))
  }

  @Test func aResumedSurveyCountsWhatIsLeft() throws {
    let budget = BudgetSettings(
      limit: .bitsPerWeight(6), choices: [.int4(group: 32), .int8()],
      quantization: .init(target: .int4(group: 32), method: .gptq))
    let repair = RecipeStep.pruneHeads(.init(unit: .queryHead, removal: .uniform(1)))
    var plan = try plan([repair, .budget(budget)], layerCount: 4)
    let whole = plan.timeLeft
    func left(_ found: RunStart.Found, tried: Int? = nil) -> PlannedTime {
      var start = RunStart(.survey, found)
      start.triedShares = tried
      plan.start = start
      return plan.timeLeft
    }
    let begun = left(.layers(2))
    let (survey, repairs) = (whole.stages[.survey] ?? 0, whole.stages[.repair] ?? 0)
    #expect((begun.stages[.survey] ?? 0) < 0.8 * survey)
    #expect(abs((begun.stages[.repair] ?? 0) - repairs) < 1e-6 * repairs)
    let tried = left(.layers(4), tried: 3)
    #expect(tried.stages[.survey] == 0 && (tried.stages[.repair] ?? 0) < 0.4 * repairs)
    let done = left(.everything)
    #expect(done.stages[.survey] == 0 && done.stages[.repair] == 0)
    let (rest, all) = (done.stages[.optimizing] ?? 0, whole.stages[.optimizing] ?? 0)
    #expect(all > 0 && abs(rest - all) < 1e-6 * all)
  }

  @Test func trialsOfRepairAreCounted() throws {
    let steps = [RecipeStep.pruneHeads(.init(unit: .queryHead, removal: .uniform(1)))]
    let work = ConversionWork(try plan(steps))
    let own = total(try plan(steps))
    // Four shares on both halves; three of them refit the MLP.
    #expect(work.repair[.pruning] == 8 * own[.pruning] && work.repair[.refit] == 6 * own[.refit])
    #expect(work.repair[.answers] > 0 && work.survey == Work())
  }

  @Test func theReportNamesSurveyAndTrials() throws {
    func sentence(_ settings: HeadPruningSettings, _ seconds: [WorkStage: Double]) throws -> String {
      try plan([.pruneHeads(settings)]).time.sentence(before: seconds, ConversionTimes())
    }
    let unit = HeadUnit.keyValueGroup
    let both = try sentence(
      .init(unit: unit, removal: .uniform(1), tries: true), [.survey: 7, .repair: 4])
    #expect(both.hasPrefix("time: 11 s ("))
    #expect(both.contains(": survey 7.0 s (") && both.contains(", trials of repair 4.0 s ("))
    let survey = try sentence(
      .init(unit: unit, removal: .uniform(1), repairShare: 1, tries: true), [.survey: 7])
    #expect(survey.contains(": survey 7.0 s (") && !survey.contains("repair"))
    let trials = try sentence(.init(unit: unit, removal: .uniform(1)), [.survey: 0.01, .repair: 7])
    #expect(trials.contains(": trials of repair 7.0 s (") && !trials.contains("survey"))
  }

  @Test func theReportNamesMeasuredAndPlannedStages() throws {
    var plan = try plan([gptq(.int4(group: 128))])
    let all = total(plan)
    plan.rates = WorkRates(
      Dictionary(
        uniqueKeysWithValues: plan.workItems.map {
          ($0, $0.kind == .gram ? 3 / all[.gram] : $0.kind == .codes ? 2.5 / all[.codes] : 0)
        }))
    var times = ConversionTimes()
    (times.calibrating, times.optimizing, times.packing, times.finishing) = (3.1, 2.2, 0.2, 0.1)
    #expect(
      plan.time.sentence(before: [:], times)
        == "time: 5.6 s (planned: 5.5 s): calibration 3.1 s (3.0 s), optimizing 2.2 s (2.5 s), "
        + "writing 0.3 s (0.1 s)")
  }
}

extension Work {
  /// The amount of one kind in one format.
  fileprivate subscript(kind: WorkKind, format: WeightFormat) -> Double {
    amounts.reduce(0) { $1.key.kind == kind && $1.key.format == format ? $0 + $1.value : $0 }
  }
}

extension WeightFormat {
  fileprivate static func nl4(group: Int) -> WeightFormat { WeightFormat(scheme: .nl4, group: group) }
}
