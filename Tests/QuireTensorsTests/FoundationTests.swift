import Foundation
import QuireTensors
import Synchronization
import Testing

@Suite struct ThreadTeamTests {
  @Test("every thread takes part in every region, at once", arguments: [1, 2, 3, 5])
  func regions(threads: Int) {
    let team = ThreadTeam(threadCount: threads)
    let visits = HostBuffer<Int>(count: threads)
    for region in 1...2_000 {
      team.run { thread, count in
        visits[thread] += 1
        #expect(count == threads)
      }
      #expect((0..<threads).allSatisfy { visits[$0] == region })
    }
  }

  @Test("a region's context reaches every thread", arguments: [1, 2, 3]) func context(threads: Int) {
    let team = ThreadTeam(threadCount: threads)
    let texts = HostBuffer<Int>(count: threads)
    for length in 0..<100 {
      team.run(with: (String(repeating: "x", count: length), texts)) { context, thread, _ in
        context.1[thread] = context.0.count
      }
      #expect(texts.buffer.allSatisfy { $0 == length })
    }
  }

  @Test("workers that have parked wake up") func parking() {
    let team = ThreadTeam(threadCount: 2)
    let total = Atomic<Int>(0)
    for _ in 0..<20 {
      Thread.sleep(forTimeInterval: 0.005)
      team.run { _, _ in total.add(1, ordering: .relaxed) }
    }
    #expect(total.load(ordering: .relaxed) == 40)
  }

  @Test("every share is performed once", arguments: [1, 2, 3, 5], 1...ThreadTeam.pieceLimit)
  func pieces(threads: Int, pieces: Int) {
    let team = ThreadTeam(threadCount: threads)
    let count = threads == 1 ? 1 : threads * pieces
    let visits = HostBuffer<Int>(count: count)
    for region in 1...500 {
      team.run(with: visits, pieces: pieces) { visits, share, count in
        visits[share] += 1
        #expect(count == visits.count)
      }
      #expect((0..<count).allSatisfy { visits[$0] == region })
    }
  }

  @Test("a thread that is held up holds up only the share that it has begun") func heldUp() {
    let team = ThreadTeam(threadCount: 2)
    let finished = Atomic<Int>(0)
    for _ in 0..<200 {
      finished.store(0, ordering: .relaxed)
      withUnsafePointer(to: finished) { finished in
        team.run(with: finished, pieces: 4) { finished, share, count in
          // The worker's first share ends after all others, which only another thread can then have performed.
          let limit = ContinuousClock.now + .seconds(20)
          while share == 4, finished.pointee.load(ordering: .acquiring) < count - 1,
            ContinuousClock.now < limit
          {}
          #expect(share != 4 || finished.pointee.load(ordering: .acquiring) == count - 1)
          finished.pointee.add(1, ordering: .releasing)
        }
      }
    }
  }

  @Test("shares cover all items once") func shares() {
    for items in 0..<20 {
      for count in 1...6 {
        let all = (0..<count).flatMap { Array(ThreadTeam.range(of: items, share: $0, count: count)) }
        #expect(all == Array(0..<items))
      }
    }
  }
}

@Suite struct MemoryTests {
  @Test("buffers are zeroed and aligned", arguments: [0, 1, 1_000, 3_000_000])
  func buffers(count: Int) {
    let buffer = HostBuffer<Float>(count: count)
    #expect(Int(bitPattern: buffer.pointer) % 64 == 0)
    #expect(buffer.buffer.allSatisfy { $0 == 0 })
  }

  @Test("an instruction set that cannot run is refused with what can") func instructionSets() throws {
    #expect(try InstructionSet(name: "portable") == .portable)
    #expect(InstructionSet.supported.contains(.detected))
    #expect {
      try InstructionSet(name: "mmx")
    } throws: {
      "\($0)".hasPrefix(
        "QUIRE_ISA: expected an instruction set of this CPU, found 'mmx'; choose one of portable")
    }
  }
}
