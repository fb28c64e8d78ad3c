import QuireFiles
import Testing

@Suite struct DecimalTextTests {
  @Test func whatIsRoundedToZeroHasNoSign() {
    for value in [0.0, -0.0, 0.04, -0.04, -1e-300] {
      #expect(DecimalText.fixed(value, 1) == "0.0")
      #expect(DecimalText.signed(value, 1) == "0.0")
    }
    #expect(DecimalText.fixed(-0.4, 0) == "0" && DecimalText.fixed(-0.6, 0) == "-1")
  }

  @Test func otherNumbersKeepTheirs() {
    #expect(DecimalText.fixed(-0.06, 1) == "-0.1" && DecimalText.fixed(12.34, 2) == "12.34")
    #expect(DecimalText.signed(-0.06, 1) == "-0.1" && DecimalText.signed(12.34, 2) == "+12.34")
    #expect(DecimalText.fixed(.infinity, 1) == "inf" && DecimalText.signed(-.infinity, 1) == "-inf")
  }
}
