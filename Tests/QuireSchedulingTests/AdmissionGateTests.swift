import Testing

import QuireScheduling

@Suite struct AdmissionGateTests {
  @Test func refusesBeyondTheLimitUntilOneLeaves() {
    var gate = AdmissionGate(maximumCount: 2)
    #expect(gate.enter() == .accepted)
    #expect(gate.enter() == .accepted)
    #expect(gate.enter() == .full)
    gate.leave()
    #expect(gate.enter() == .accepted)
    #expect(gate.count == 2)
  }

  @Test func drainsWithoutForgettingThoseInside() {
    var gate = AdmissionGate(maximumCount: 2)
    #expect(gate.enter() == .accepted)
    gate.drain()
    #expect(gate.enter() == .draining)
    #expect(!gate.isAccepting)
    #expect(gate.count == 1)
    gate.leave()
    #expect(gate.count == 0)
  }

  @Test func staysClosed() {
    var gate = AdmissionGate(maximumCount: 1)
    gate.close()
    gate.drain()
    #expect(gate.enter() == .closed)
    #expect(gate.isClosed)
  }
}
