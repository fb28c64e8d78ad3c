import QuireTensors

/// Chooses which problems to ask when there is a limit.
package enum TaskSelection {
  /// At most `limit` problems, spread over the tasks as evenly as their sizes allow, in file order.
  ///
  /// Within a task the seed decides. A larger limit keeps all that a smaller one chose, so that results with the
  /// same seed can be extended.
  package static func choose(_ problems: [TaskProblem], limit: Int?, seed: UInt64) -> [TaskProblem] {
    guard let limit, limit < problems.count else { return problems }
    var chosen = Set<Int>()
    var queues = shuffledTasks(problems, seed: seed)
    while chosen.count < limit {
      for task in queues.indices where chosen.count < limit {
        if let index = queues[task].popLast() { chosen.insert(index) }
      }
    }
    return problems.indices.filter(chosen.contains).map { problems[$0] }
  }

  /// Indices of each task's problems in random order, tasks by first appearance.
  private static func shuffledTasks(_ problems: [TaskProblem], seed: UInt64) -> [[Int]] {
    var names: [String: Int] = [:]
    var queues: [[Int]] = []
    for (index, problem) in problems.enumerated() {
      let task = names[problem.task, default: queues.count]
      if task == queues.count {
        names[problem.task] = task
        queues.append([])
      }
      queues[task].append(index)
    }
    var generator = SplitMix64(seed: seed)
    return queues.map { $0.shuffled(using: &generator) }
  }
}
