import Testing

import QuireServing

struct ExchangeFlowTests {
  private let response = HTTPResponse(status: 200, body: [1, 2, 3])
  private let head = HTTPHead(status: 200)

  @Test func aWaitIsEndedByExactlyOneWake() {
    var flow = ExchangeFlow(backlogLimit: 100)
    #expect(flow.nextAnswerStep() == .wait)
    #expect(flow.respond(response) == true)
    #expect(flow.leave() == false, "the daemon was woken already")
    var early = ExchangeFlow(backlogLimit: 100)
    #expect(early.respond(response) == false, "nobody waits yet")
    #expect(early.nextAnswerStep() == .send(response))
  }

  @Test func aStreamComesOutInOrderAndInPieces() {
    var flow = ExchangeFlow(backlogLimit: 100)
    #expect(flow.beginStream(head) == false)
    #expect(flow.nextAnswerStep() == .stream(head))
    #expect(flow.read(limit: 2) == .wait)
    #expect(flow.write([1, 2, 3]) == true)
    #expect(flow.write([4]) == false)
    #expect(flow.read(limit: 2) == .bytes([1, 2]))
    #expect(flow.read(limit: 9) == .bytes([3, 4]))
    #expect(flow.read(limit: 9) == .wait)
    #expect(flow.endStream() == true)
    #expect(flow.read(limit: 9) == .end)
  }

  @Test func endedStreamsAreReadToTheirEnd() {
    var flow = ExchangeFlow(backlogLimit: 100)
    #expect(flow.beginStream(head) == false)
    #expect(flow.write([7]) == false)
    #expect(flow.endStream() == false)
    #expect(flow.read(limit: 9) == .bytes([7]))
    #expect(flow.read(limit: 9) == .end)
    #expect(!flow.isStreaming)
  }

  /// So nobody sees the last bytes without knowing that they are the last.
  @Test func theLastBytesAndTheEndAreOneEvent() {
    var flow = ExchangeFlow(backlogLimit: 100)
    #expect(flow.beginStream(head) == false)
    #expect(flow.read(limit: 9) == .wait)
    #expect(!flow.isSettled && !flow.isRead)
    #expect(flow.endStream(after: [7, 8]) == true)
    #expect(flow.isSettled && !flow.isRead)
    #expect(flow.read(limit: 1) == .bytes([7]))
    #expect(!flow.isRead)
    #expect(flow.read(limit: 9) == .bytes([8]))
    #expect(flow.isRead)
    #expect(flow.read(limit: 9) == .end)
    var small = ExchangeFlow(backlogLimit: 1)
    #expect(small.beginStream(head) == false)
    #expect(small.endStream(after: [7, 8]) == false)
    #expect(small.isGone && small.isSettled && !small.isRead)
  }

  @Test func aClientThatLeftGetsNothingMore() {
    var flow = ExchangeFlow(backlogLimit: 100)
    #expect(flow.beginStream(head) == false)
    #expect(flow.read(limit: 9) == .wait)
    #expect(flow.leave() == true)
    #expect(flow.write([1]) == false)
    #expect(flow.endStream() == false)
    #expect(flow.read(limit: 9) == .close)
    #expect(flow.nextAnswerStep() == .close)
  }

  @Test func aBacklogOverTheLimitCountsAsLeaving() {
    var flow = ExchangeFlow(backlogLimit: 4)
    #expect(flow.beginStream(head) == false)
    #expect(flow.write([1, 2, 3, 4]) == false)
    #expect(!flow.isGone)
    #expect(flow.write([5]) == false)
    #expect(flow.isGone)
  }
}
