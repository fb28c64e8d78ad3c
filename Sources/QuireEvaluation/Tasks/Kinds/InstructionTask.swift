import QuireJSON

/// Prompts with instructions that a program can check, as IFEval has them.
///
/// Strict: the reply as it is. Loose: also without its first line, its last line, both, and without asterisks.
enum InstructionTask {
  static let metrics = [
    "prompt_level_strict_acc,none", "inst_level_strict_acc,none", "prompt_level_loose_acc,none",
    "inst_level_loose_acc,none",
  ]
  static let extraction =
    "every instruction is checked in the whole reply; loose: also without its first or last line or asterisks"

  static func problem(_ line: TaskLine, task: String) throws(EvaluationError) -> TaskProblem {
    let names = try line.texts("instruction_id_list", in: 1...100)
    guard let arguments = line.value["kwargs"]?.arrayValue, arguments.count == names.count else {
      throw line.refusal("the member \"kwargs\", an array with an object for each instruction", "another one")
    }
    var problem = TaskProblem(
      task: task, prompt: try line.text("prompt"), answer: names.joined(separator: ", "), kind: .ifeval)
    for (name, value) in zip(names, arguments) {
      guard let instruction = Instruction(name: name, arguments: value) else {
        throw line.refusal(
          "instructions that this version checks with their arguments (\(Instruction.names.joined(separator: ", ")))",
          "\"\(name)\" with \(value.serialized())")
      }
      problem.instructions.append(instruction)
    }
    return problem
  }

  static func judge(_ content: String, _ problem: TaskProblem) -> Judgement {
    let variants = looseVariants(content)
    func obeys(_ instruction: Instruction, _ text: String) -> Bool {
      !TaskProblem.stripped(text).isEmpty && instruction.isObeyed(by: text, prompt: problem.prompt)
    }
    let strict = problem.instructions.map { obeys($0, content) }
    let loose = problem.instructions.map { instruction in variants.contains { obeys(instruction, $0) } }
    let weight = Double(problem.instructions.count)
    func scores(_ obeyed: [Bool]) -> (whole: Double, share: Double) {
      (obeyed.allSatisfy { $0 } ? 1 : 0, Double(obeyed.count { $0 }) / max(1, weight))
    }
    let failed = zip(problem.instructions, strict).filter { !$1 }.map { $0.0.name }
    return Judgement(
      scores: [
        MetricScore(metrics[0], scores(strict).whole),
        MetricScore(metrics[1], scores(strict).share, weight: weight),
        MetricScore(metrics[2], scores(loose).whole),
        MetricScore(metrics[3], scores(loose).share, weight: weight),
      ], extracted: failed.isEmpty ? "all obeyed" : "not obeyed: " + failed.joined(separator: ", "))
  }

  private static func looseVariants(_ content: String) -> [String] {
    let lines = PythonText(content).lines
    func joined(_ lines: ArraySlice<String>) -> String {
      TaskProblem.stripped(lines.joined(separator: "\n"))
    }
    let texts = [
      content, joined(lines.dropFirst()), joined(lines.dropLast()), joined(lines.dropFirst().dropLast()),
    ]
    return texts + texts.map { $0.replacing("*", with: "") }
  }
}
