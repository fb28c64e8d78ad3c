import CKernels
import QuireTensors
import Synchronization
import Testing

@Suite struct WaitPlanTests {
  @Test("a thread that computes is waited for, one that does not is lent the processor")
  func suspension() {
    var plan = WaitPlan()
    #expect(plan.next(at: 0, for: (1, 5_000)) == .spin)
    #expect(plan.next(at: 20_000, for: (1, 25_000)) == .spin)
    #expect(plan.next(at: 40_000, for: (1, 35_000)) == .spin)
    #expect(plan.next(at: 60_000, for: (1, 44_999)) == .lend)
    // Lent once; then it is observed anew.
    #expect(plan.next(at: 80_000, for: (1, 44_999)) == .spin)
    #expect(plan.next(at: 100_000, for: (1, 44_999)) == .lend)
  }

  @Test("times of different threads are not compared") func members() {
    var plan = WaitPlan()
    #expect(plan.next(at: 0, for: (1, 9_000_000)) == .spin)
    #expect(plan.next(at: 20_000, for: (2, 1_000)) == .spin)
    #expect(plan.next(at: 40_000, for: nil) == .spin)
    #expect(plan.next(at: 60_000, for: (2, 1_000)) == .spin)
    #expect(plan.next(at: 80_000, for: (2, 1_000)) == .lend)
  }

  @Test("a thread parks when nobody works, and rests when work takes long") func limits() {
    var idle = WaitPlan()
    for _ in 1..<WaitPlan.idleRoundLimit { #expect(idle.next(at: 0, for: nil) == .spin) }
    #expect(idle.next(at: 0, for: nil) == .park)
    var long = WaitPlan()
    for round in 1..<Int64(WaitPlan.workRoundLimit) {
      #expect(long.next(at: round * 10_000, for: (0, round * 10_000)) == .spin)
    }
    #expect(long.next(at: 9_000_000, for: (0, 9_000_000)) == .rest)
  }
}

@Suite struct TeamMemberTests {
  @Test("only a thread that has begun a share can be lent a processor") func states() {
    let member = TeamMember()
    #expect(member.computingTime == nil)
    member.begin()
    #if os(Linux)
      let first = member.computingTime ?? -1
      #expect(first > 0)
      #expect(member.computingTime ?? -1 >= first)
    #endif
    member.finish(isCaller: true)
    #expect(member.computingTime == nil)
    member.lendProcessor()
    #expect(member.computingTime == nil)
  }

  #if os(Linux)
    @Test("a thread is moved to the lender's processor and back", arguments: [false, true])
    func lending(isCaller: Bool) throws {
      let processors = (0..<1024).filter { quire_affinity_has(Int32($0)) != 0 }
      guard processors.count > 1 else { return }
      let member = TeamMember()
      let isLent = Atomic<Bool>(false)
      let isBusy = Atomic<Bool>(false)
      try withUnsafePointer(to: isLent) { isLent in
        try withUnsafePointer(to: isBusy) { isBusy in
          nonisolated(unsafe) let (lent, busy) = (isLent, isBusy)
          let thread = try NativeThread(named: "member") {
            member.begin()
            busy.pointee.store(true, ordering: .releasing)
            while !lent.pointee.load(ordering: .acquiring) {}
            // Where both were on one processor already, nothing was to be moved.
            let count = Int(quire_affinity_count())
            #expect(count == 1 || count == processors.count)
            member.finish(isCaller: isCaller)
            let left = count == 1 && !isCaller ? processors.count - 1 : processors.count
            #expect(Int(quire_affinity_count()) == left)
            member.settle(after: .zero)
            #expect(Int(quire_affinity_count()) == processors.count)
          }
          while !isBusy.pointee.load(ordering: .acquiring) {}
          member.lendProcessor()
          isLent.pointee.store(true, ordering: .releasing)
          thread.join()
        }
      }
      #expect(Int(quire_affinity_count()) == processors.count)
    }
  #endif
}

@Suite struct PieceTests {
  @Test("many rows are shared out in smaller pieces, few items in fewer") func counts() {
    let team = ThreadTeam(threadCount: 2)
    #expect(team.pieces(of: 1_000) == ThreadTeam.pieceLimit)
    #expect(team.pieces(of: 1_000, rows: 256) == ThreadTeam.longPieceLimit)
    #expect(team.pieces(of: 64) == 8 / 2)
    #expect(team.pieces(of: 16, rows: 256) == 8)
    #expect(team.pieces(of: 3, rows: 256) == 1)
    #expect(team.pieces(of: 1, rows: 256) == 1)
  }

  @Test("tapered shares cover all items once, and those of a thread become smaller", arguments: 1...5)
  func tapered(threads: Int) {
    let team = ThreadTeam(threadCount: threads)
    for items in [0, 1, 2, 7, 24, 32, 128, 1_000] {
      let pieces = team.pieces(of: items, rows: 256)
      let ranges = (0..<threads * pieces).map {
        team.taperedRange(of: items, share: $0, count: threads * pieces)
      }
      #expect(ranges.flatMap(Array.init) == Array(0..<items))
      for thread in 0..<threads {
        let sizes = ranges[thread * pieces..<(thread + 1) * pieces].map(\.count)
        #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $1 <= $0 + 1 }, "\(sizes)")
        #expect(sizes.last! <= sizes.first!)
      }
    }
  }

  @Test("every share is performed once, with the most shares") func most() {
    let team = ThreadTeam(threadCount: 3)
    let visits = HostBuffer<Int>(count: 3 * ThreadTeam.longPieceLimit)
    for region in 1...500 {
      team.run(with: visits, pieces: ThreadTeam.longPieceLimit) { visits, share, _ in visits[share] += 1 }
      #expect(visits.buffer.allSatisfy { $0 == region })
    }
  }
}
