// Fairness among groups: the answers that one call of the API asks for are one group.
//
// A request's turn is the number of requests of its group before it in the line. Among those that wait, lower turns
// come first, and equal turns in order of arrival: the first of each group, then the second of each, and so on. So a
// newcomer waits for one request of each group, not for all of a large one.
//
// A newcomer's group that has nothing running does not even wait for an answer to end: the largest group gives it a
// slot. The request that loses its slot computes again later, which changes its answer's time and nothing else.
//
// Possible alternative: never let one group have all slots (leaves slots empty when nobody else comes).

extension Scheduler {
  /// Puts a new request where its turn is.
  mutating func takeTurn(_ request: ScheduledRequest) {
    let turn = request.group == nil ? 0 : line.count { $0.group == request.group }
    line.insert(request, at: place(turn: turn))
  }

  /// The position behind everybody who waits with a lower or the same turn.
  private func place(turn: Int) -> Int {
    var counts: [UInt64: Int] = [:]
    var place = runningCount
    for (index, request) in line.enumerated() {
      let other = request.group.map { counts[$0, default: 0] } ?? 0
      if let group = request.group { counts[group] = other + 1 }
      if index >= runningCount && other <= turn { place = index + 1 }
    }
    return place
  }

  /// Takes a slot from the largest group when the next request in line waits for one and its group has none.
  mutating func giveWay(_ plan: inout StepPlan, _ tokens: (UInt64) -> [Int32]) {
    guard runningCount > 1, waitingCount > 0, !isRunning(groupOf: line[runningCount]), !canAdmitNext(tokens)
    else { return }
    guard let index = lastOfLargestGroup() else { return }
    releaseBlocks(at: index)
    var request = line.remove(at: index)
    runningCount -= 1
    request.computedCount = 0
    // It was there before those of its group that wait.
    let next = line[runningCount...].firstIndex { $0.group == request.group }
    line.insert(
      request, at: next ?? place(turn: line[..<runningCount].count { $0.group == request.group }))
    plan.preempted.append(request.id)
  }

  private func isRunning(groupOf request: ScheduledRequest) -> Bool {
    guard let group = request.group else { return false }
    return line[..<runningCount].contains { $0.group == group }
  }

  /// The running request with the most of its group running before it; `nil` when no group runs twice.
  private func lastOfLargestGroup() -> Int? {
    var found: Int?
    var most = 0
    for index in 0..<runningCount {
      guard let group = line[index].group else { continue }
      let before = line[..<index].count { $0.group == group }
      if before > most {
        most = before
        found = index
      }
    }
    return found
  }
}
