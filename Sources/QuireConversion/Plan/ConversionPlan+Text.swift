import QuireCalibration
import QuireOptimization
import QuireCheckpoints
import QuireFiles
import Foundation
import QuireModel
import QuireTensors
import QuireText

extension ConversionPlan {
  /// The plan as text: sizes after each step, the change of each kind of tensor, and the memory.
  package var text: String { text(width: .max) }

  /// - Parameter width: in which tables must fit; wider ones are split into several
  package func text(width: Int) -> String {
    var lines = [
      "recipe \(recipe.name.visibleLine), \(recipe.steps.count) step\(recipe.steps.count == 1 ? "" : "s")",
      "",
    ]
    lines += Self.table(
      [["step", "parameters", "size", "bits/weight", "of the checkpoint"]] + stages.map(stageCells),
      width: width)
    lines.append("")
    lines += Self.table([["tensor", "count", "shape", "format", "size"]] + tensorCells(), width: width)
    var sentences: [String] = []
    for sentence in recipe.steps.compactMap({ $0.settings.planSentence(self) })
    where !sentences.contains(sentence) { sentences.append(sentence) }
    for sentence in sentences { lines += ["", sentence] }
    if let calibration { lines += ["", calibrationSentence(calibration)] }
    if let path = recipe.calibration.statistics, recipe.needsCalibration {
      lines += [
        "",
        "statistics: those of the unmodified model in \(path.visibleLine), so no layer compensates what the steps did "
          + "to the layers before it"
          + (recipe.quantization?.isAsymmetric == true ? ", and the field \"asymmetry\" has no effect" : ""),
      ]
    }
    if let survey { lines += ["", surveySentence(survey)] }
    if !repairTrial.isEmpty { lines += ["", Self.trialSentence] }
    let parts = memory.parts.filter { $0.byteCount > 0 }.map { "\($0.what) \(ByteText.of($0.byteCount))" }
    lines += ["", "memory: at most \(ByteText.of(memory.peakBytes)) (\(parts.joined(separator: ", ")))"]
    if scratchBytes > 0 || surveyScratchBytes > 0 { lines.append(diskSentence) }
    lines.append(timeSentence)
    return lines.joined(separator: "\n")
  }

  /// The expected time, with its parts where there are several.
  private var timeSentence: String {
    let time = timeLeft
    let (survey, trials) = (time.stages[.survey] ?? 0, time.stages[.repair] ?? 0)
    let own = time.seconds - survey - trials
    let parts = [(WorkStage.survey.title, survey), (WorkStage.repair.title, trials), ("conversion", own)]
      .filter { $0.1 > 0 }
    let shares = parts.map { "\($0.0) \(Self.time($0.1))" }.joined(separator: ", ")
    return "time: about \(Self.time(time.seconds))"
      + (start?.isResumed == true
        ? " left of \(Self.time(self.time.seconds))" : parts.count > 1 ? " in all" : "")
      + (parts.count > 1 ? " (\(shares))" : "")
      + (rates.measured.isEmpty ? " at the speed of a typical machine" : "")
      + "; measured layer by layer as it goes"
  }

  private func calibrationSentence(_ set: CalibrationSet) -> String {
    let amount =
      "calibration: \(CountText.of(set.windows.count, "window")) of \(set.sourceName.visibleLine), \(set.tokenCount) tokens"
    guard set.shortfall(of: recipe.calibration) != nil else { return amount }
    let asked = recipe.calibration
    return
      "\(amount): all that the text has, but less than the recipe asks for (\(asked.windowCount) windows of "
      + "\(asked.windowTokens) tokens); nothing is repeated, so a longer text gives better statistics"
  }

  private var diskSentence: String {
    let whose = recipe.needsReference ? ", as the steps leave them and as the checkpoint has them" : ""
    let states = "(hidden states of the calibration text\(whose))"
    var parts: [String] = []
    if surveyScratchBytes > 0 {
      let copies = survey.map { $0.probeCount > 0 } == true ? " and of every change that is tried" : ""
      parts.append(
        "up to \(ByteText.of(surveyScratchBytes)) next to the pack while the survey lasts (hidden states of the text\(copies))"
      )
    }
    if scratchBytes > 0 {
      parts.append("\(ByteText.of(scratchBytes)) next to the pack until it is finished \(states)")
    }
    return "disk: " + parts.joined(separator: ", then ")
  }

  private func stageCells(_ stage: Stage) -> [String] {
    [
      stage.step, Self.count(stage.parameterCount), ByteText.of(stage.byteCount),
      DecimalText.fixed(stage.bitsPerWeight, 2),
      Self.percent(100 * Double(stage.byteCount) / Double(max(1, source.byteCount))),
    ]
  }

  /// One line for tensors of the same role, shapes and format, in the model's order.
  private func tensorCells() -> [[String]] {
    struct Kind: Hashable {
      let role: String
      let before: [Int]
      let after: [Int]
      let format: String
    }
    var order: [Kind] = []
    var totals: [Kind: (count: Int, before: Int, after: Int)] = [:]
    let before = Dictionary(uniqueKeysWithValues: source.tensors.map { ($0.name, $0) })
    for new in result.tensors {
      let old = before[new.name]
      let format = new.isFloat32 ? "float32" : new.format.description
      let kind = Kind(role: new.name.role, before: old?.shape ?? [], after: new.shape, format: format)
      if totals[kind] == nil { order.append(kind) }
      let total = totals[kind] ?? (0, 0, 0)
      totals[kind] = (total.count + 1, total.before + (old?.byteCount ?? 0), total.after + new.byteCount)
    }
    return order.map { kind in
      let total = totals[kind] ?? (0, 0, 0)
      // lm_head is new where the checkpoint shares it with the embedding and `rotate` separates them.
      let shape = kind.before.isEmpty ? "none" : Self.shape(kind.before)
      return [
        kind.role, "\(total.count)",
        kind.before == kind.after ? shape : "\(shape) → \(Self.shape(kind.after))", kind.format,
        "\(ByteText.of(total.before)) → \(ByteText.of(total.after))",
      ]
    }
  }

  private static var trialSentence: String {
    let shares = RepairTrial.shares.map { String(format: "%g", $0) }.joined(separator: ", ")
    return
      "repair: before the conversion the shares \(shares) of it are tried on the whole model, and the one with the best answers "
      + "is applied; \"repair\": 0.5 in the recipe would apply that share without trials"
  }

  private func surveySentence(_ survey: SurveyWork) -> String {
    let text =
      survey.windowTokens == 0
      ? "the statistics are read" : "\(survey.windowTokens) tokens run through the unchanged model"
    let trials =
      survey.probeCount == 0
      ? "" : ", and up to \(survey.probeCount) changes are tried on \(survey.probeTokens) tokens"
    return
      "survey: before the conversion \(text)\(trials); "
      + "a survey that is stopped resumes after its last layer"
  }

  /// "12.5%".
  static func percent(_ share: Double) -> String { DecimalText.fixed(share, 1) + "%" }
  /// "1.07e-02".
  static func scientific(_ value: Double) -> String { String(format: "%.2e", value) }

  /// "4.2 s", "40 s", "12 min", "4 h 10 min".
  package static func time(_ seconds: Double) -> String {
    if seconds < 9.95 { return String(format: "%.1f s", max(0.1, seconds)) }
    let minutes = Int((seconds / 60).rounded())
    if seconds < 120 { return "\(max(1, Int(seconds.rounded()))) s" }
    return minutes < 60 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
  }

  private static func shape(_ shape: [Int]) -> String {
    shape.map(String.init).joined(separator: "×")
  }

  /// "8.19 G", "5.12 M".
  static func count(_ count: Int) -> String {
    let units = ["", " K", " M", " G"]
    var value = Double(count)
    var unit = 0
    while value >= 999.995, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return (unit == 0 ? String(count) : String(format: "%.2f", value)) + units[unit]
  }

  /// The lines of a table whose first row are the titles; its first column is flush left, the others flush right.
  static func table(_ rows: [[String]], width: Int) -> [String] {
    var table = TextTable(
      columns: rows[0].enumerated().map { .init($0.element, $0.offset == 0 ? .left : .right) })
    for row in rows.dropFirst() { table.add(row) }
    return table.parts(width: width, keyCount: 1).map(\.textWithoutRule).joined(separator: "\n")
      .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }
}
