import Foundation
import QuireTensors
import Synchronization

// The program of `tools/check-threads` for the threads of teams, which lend each other their processors: two teams, each with a
// thread for every processor, so that half of the threads are always suspended.
//
//     quire-threads SECONDS

func fail(_ sentence: String) -> Never {
  print("quire-threads: \(sentence)")
  exit(1)
}

guard let seconds = CommandLine.arguments.dropFirst().first.flatMap(Int.init), seconds > 0 else {
  fail("expected the number of seconds to run, found none; give one")
}
let processorCount = ProcessLimits.processorCount
guard processorCount > 1 else {
  fail("expected two processors, because one cannot be lent, found one; run this on a larger machine")
}

let deadline = ContinuousClock.now + .seconds(seconds)
let teams = [BusyTeam(threadCount: processorCount), BusyTeam(threadCount: processorCount)]
let regionCounts = Mutex<[Int]>([0, 0])
let callers = try teams.enumerated().map { index, team in
  try NativeThread(named: "caller-\(index)") {
    let count = team.work(until: deadline)
    regionCounts.withLock { $0[index] = count }
  }
}
for caller in callers { caller.join() }

for (team, count) in zip(teams, regionCounts.withLock { $0 }) {
  guard team.hasPerformedAll(count) else {
    fail("expected each share once in each of \(count) regions, found another number")
  }
  guard team.regainsProcessors(processorCount) else {
    fail("expected every thread to regain its \(processorCount) processors, found one that did not")
  }
  let lentCount = team.lentCount.load(ordering: .relaxed)
  guard lentCount > 0 else {
    fail("expected processors to be lent in \(seconds) seconds, found none; run longer")
  }
  print("\(count) regions, \(lentCount) shares that ended on a lent processor")
}
