/// What a thread of a team does next while it waits: decided from clocks that the caller reads.
///
///     var plan = WaitPlan()
///     plan.next(at: now, for: (member: 1, computing: time))  // .spin, and later .lend
///
/// A thread that has begun a share and gets less than half of the time of a processor is suspended: another program
/// has its processor. To park or to yield instead of spinning would be worse where a processor is shared with another
/// program, because that program then has it for a whole time slice of some milliseconds.
package struct WaitPlan {
  package enum Step {
    /// Spin for another round.
    case spin
    /// Lend the processor to the thread that is waited for, and rest.
    case lend
    /// Sleep for a short while.
    case rest
    /// Sleep until woken.
    case park
  }

  /// Rounds before a thread parks when nobody works, and before it rests when somebody does.
  package static let idleRoundLimit = 4
  package static let workRoundLimit = 200

  private var idleRounds = 0
  private var workRounds = 0
  private var last: (member: Int, computing: Int64, time: Int64)?

  package init() {}

  /// - Parameters:
  ///   - time: in nanoseconds.
  ///   - work: a thread that has begun a share and the nanoseconds that it has computed; nil if there is none.
  package mutating func next(at time: Int64, for work: (member: Int, computing: Int64)?) -> Step {
    guard let work else {
      last = nil
      idleRounds += 1
      return idleRounds < Self.idleRoundLimit ? .spin : .park
    }
    let previous = last
    last = (work.member, work.computing, time)
    workRounds += 1
    if let previous, previous.member == work.member,
      isSuspended(work.computing - previous.computing, of: time - previous.time)
    {
      last = nil
      return .lend
    }
    return workRounds < Self.workRoundLimit ? .spin : .rest
  }

  private func isSuspended(_ computing: Int64, of elapsed: Int64) -> Bool { computing < elapsed / 2 }
}
