import QuireGeneration
import Testing

/// A draft head works while it saves more time than it takes.
@Suite struct DraftAccountTests {
  /// Whether the account was open in each of some equal steps; a closed one spends and gains nothing.
  private static func run(
    _ account: inout DraftAccount, answers: Int = 8, steps: Int, spent: Double, gained: Double
  ) -> [Bool] {
    (0..<steps).map { _ in
      let isOpen = account.isOpen
      account.note(
        answerCount: answers, stepSeconds: 0.1, spent: isOpen ? spent : 0, gained: isOpen ? gained : 0)
      return isOpen
    }
  }

  /// An engine settles its account before each step, also before the first. Closed there, a head would miss the first rows of
  /// the first request and never draft for it.
  @Test func anAccountIsOpenBeforeTheFirstStep() {
    var account = DraftAccount()
    account.note(answerCount: 1, stepSeconds: 0, spent: 0, gained: 0)
    #expect(account.isOpen)
    account.note(answerCount: 1, stepSeconds: 0.1, spent: 0.02, gained: 0)
    #expect(account.isOpen)
  }

  @Test func aHeadThatPaysStaysOpen() {
    var account = DraftAccount()
    #expect(Self.run(&account, steps: 5_000, spent: 0.03, gained: 0.05).allSatisfy { $0 })
  }

  @Test(arguments: [0.005, 0.03, 0.2]) func aHeadThatDoesNotPayTakesAFewPercent(loss: Double) {
    var account = DraftAccount()
    let open = Self.run(&account, steps: 10_000, spent: loss + 0.01, gained: 0.01)
    let lost = Double(open.count { $0 }) * loss
    // At most 2% of the time, and 17 steps' once.
    #expect(lost <= 0.02 * 0.1 * 10_000 + 1.7)
    #expect(open.contains(false))
    // Tried again after it closed.
    #expect(open.drop { $0 }.contains(true))
  }

  @Test func itOpensForGoodWhenItBeginsToPay() {
    var account = DraftAccount()
    _ = Self.run(&account, steps: 1_000, spent: 0.05, gained: 0)
    #expect(Self.run(&account, steps: 3_000, spent: 0.03, gained: 0.06).suffix(1_500).allSatisfy { $0 })
  }

  /// Without waiting until the debt is paid.
  @Test func fewerAnswersOpenIt() {
    var account = DraftAccount()
    let open = Self.run(&account, steps: 400, spent: 0.1, gained: 0)
    #expect(open.last == false)
    #expect(Self.run(&account, answers: 3, steps: 100, spent: 0.01, gained: 0.05).last == true)
  }

  /// A long gain is no reason to lose for long.
  @Test func aBalanceIsLimited() {
    var account = DraftAccount()
    _ = Self.run(&account, steps: 10_000, spent: 0, gained: 0.1)
    #expect(!Self.run(&account, steps: 400, spent: 0.01, gained: 0).allSatisfy { $0 })
  }
}
