import QuireJSON
import Testing

@Suite struct CheckedCountTests {
  private func count(_ value: Int) -> CheckedCount { CheckedCount(value) }

  @Test func computesLikeIntWhereIntCan() {
    #expect((count(3) + count(4) * count(5)).value == 23)
    #expect((count(9) - count(4)).value == 5)
    #expect((count(9) / count(4)).value == 2)
    #expect(count(9).dividedRoundingUp(by: count(4)).value == 3)
    #expect(count(0).dividedRoundingUp(by: count(4)).value == 0)
    #expect(count(33).roundedUp(toMultipleOf: count(32)).value == 64)
    #expect(CheckedCount.product([2, 3, 4]).value == 24)
    #expect(CheckedCount.product([]).value == 1)
    #expect(CheckedCount.sum([2, 3, 4]).value == 9)
  }

  @Test func hasNoValueWhereIntWouldTrap() {
    #expect((count(.max) + count(1)).value == nil)
    #expect((count(.max) * count(2)).value == nil)
    #expect((count(1 << 32) * count(1 << 31)).value == nil)
    #expect((count(3) - count(4)).value == nil)
    #expect((count(3) / count(0)).value == nil)
    #expect(count(3).dividedRoundingUp(by: count(0)).value == nil)
    #expect(count(.max).roundedUp(toMultipleOf: count(32)).value == nil)
    #expect(CheckedCount(-1).value == nil)
    #expect(CheckedCount(UInt64.max).value == nil)
    #expect(CheckedCount.sum([.max, 1]).value == nil)
    #expect(CheckedCount.sum([1, -1]).value == nil)
  }

  @Test func aLostValueStaysLost() {
    #expect((CheckedCount.none + count(1)).value == nil)
    #expect((count(0) * (count(.max) + count(1))).value == nil)
  }

  @Test func aSizeOfZeroDoesNotExcuseTheOthers() {
    #expect(CheckedCount.product([0, 5]).value == 0)
    #expect(CheckedCount.product([.max, 0]).value == 0)
    for sizes in [[.max, 2, 0], [0, .max, 2], [2, 0, .max], [-1, 0], [0, -1]] {
      #expect(CheckedCount.product(sizes).value == nil)
    }
  }

  @Test func limitsAndPlaces() {
    #expect(count(5).value(atMost: 5) == 5)
    #expect(count(6).value(atMost: 5) == nil)
    #expect(count(5).value(in: 1...5) == 5)
    #expect(count(0).value(in: 1...5) == nil)
    #expect(count(2).range(count: count(3), within: 5) == 2..<5)
    #expect(count(2).range(count: count(4), within: 5) == nil)
    #expect(count(.max).range(count: count(1), within: .max) == nil)
  }

  @Test func readsTextAndJSON() throws {
    func read(_ text: String) -> Int? { CheckedCount(digits: Array(text.utf8)).value }
    #expect(read("0") == 0)
    #expect(read("9223372036854775807") == .max)
    for text in [
      "", "9223372036854775808", "18446744073709551616", "-1", "+1", " 1", "1 ", "1.0", "0x1", "١",
    ] {
      #expect(read(text) == nil)
    }
    #expect(JSONValue.int(7).count.value == 7)
    #expect(try JSONValue.parse("1e3").count.value == 1000)
    for text in ["-1", "1.5", "1e30", "9223372036854775808", "null", "\"7\"", "[]"] {
      #expect(try JSONValue.parse(text).count.value == nil)
    }
  }
}
