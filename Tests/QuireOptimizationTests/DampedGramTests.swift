import QuireOptimization
import Testing

@Suite struct DampedGramTests {
  /// The shares that were tried until the matrix was definite, and what came out.
  private func tried(_ mean: Double, share: Double = DampedGram.standardShare, enough: Double) -> (
    shares: [Double], result: DampedGram?
  ) {
    var added: [Double] = []
    let result = DampedGram(mean: mean, share: share) {
      added.append($0)
      return $0 >= enough
    }
    return (added, result)
  }

  @Test func risesTenfoldUntilItIsEnough() {
    let (shares, result) = tried(2, enough: 0.1)
    #expect(shares == [0.02, 0.2] && result?.share == 0.1 && result?.added == 0.2)
  }

  @Test func endsAtTheMeanItself() {
    let (shares, result) = tried(2, enough: 3)
    #expect(shares == [0.02, 0.2, 2] && result == nil)
  }

  @Test func beginsWhereItIsTold() {
    #expect(tried(1, share: 1e-7, enough: 0).shares == [1e-7])
  }

  @Test func inputsThatAreAllZeroGetAnyDefiniteMatrix() {
    let (shares, result) = tried(0, enough: 0.5)
    #expect(shares == [1] && result?.share == DampedGram.standardShare)
  }

  @Test(arguments: [Double.nan, .infinity]) func noMeanGivesNothing(mean: Double) {
    let (shares, result) = tried(mean, enough: 0)
    #expect(shares.isEmpty && result == nil)
  }
}
