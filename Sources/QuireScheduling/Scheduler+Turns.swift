// Fairness among groups: the answers that one call of the API asks for are one group.
//
// A request's turn is the number of requests of its group before it in the line. Waiting requests are ordered by turn,
// and by arrival within a turn: the first of each group, then the second of each, and so on. So a new request waits for
// one request of each group, not for all requests of a large group.
//
// If the group of a new request has no running request, it need not wait for an answer to end: the largest group gives
// up a slot. The request that loses its slot is computed again later; this changes only when its answer is ready.
//
// Possible alternative: never give one group all slots (leaves slots empty when there are no other requests).

extension Scheduler {
  /// Inserts a new request into the line by its turn.
  mutating func takeTurn(_ request: ScheduledRequest) {
    let turn = request.group == nil ? 0 : line.count { $0.group == request.group }
    line.insert(request, at: insertionIndex(turn: turn))
  }

  /// The index after all waiting requests with a lower or equal turn.
  private func insertionIndex(turn: Int) -> Int {
    var counts: [UInt64: Int] = [:]
    var insertionIndex = runningCount
    for (index, request) in line.enumerated() {
      let other = request.group.map { counts[$0, default: 0] } ?? 0
      if let group = request.group { counts[group] = other + 1 }
      if index >= runningCount && other <= turn { insertionIndex = index + 1 }
    }
    return insertionIndex
  }

  /// Takes a slot from the largest group if the next request in the line waits for one and its group has none.
  mutating func giveWay(_ plan: inout StepPlan, _ tokens: (UInt64) -> [Int32]) {
    guard runningCount > 1, waitingCount > 0, !isRunning(groupOf: line[runningCount]), !canAdmitNext(tokens)
    else { return }
    guard let index = lastOfLargestGroup() else { return }
    releaseBlocks(at: index)
    var request = line.remove(at: index)
    runningCount -= 1
    request.computedCount = 0
    // It arrived before the waiting requests of its group.
    let next = line[runningCount...].firstIndex { $0.group == request.group }
    line.insert(
      request, at: next ?? insertionIndex(turn: line[..<runningCount].count { $0.group == request.group }))
    plan.preempted.append(request.id)
  }

  private func isRunning(groupOf request: ScheduledRequest) -> Bool {
    guard let group = request.group else { return false }
    return line[..<runningCount].contains { $0.group == group }
  }

  /// The running request with the most running requests of its group before it; `nil` when no group has two.
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
