import QuireFiles
import Testing

@Suite struct ByteTextTests {
  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (9994, "9.99 kB"), (9996, "10.0 kB"), (16_384, "16.4 kB"),
    (99_960, "100 kB"), (999_400, "999 kB"), (999_600, "1.00 MB"), (4_831_838_208, "4.83 GB"),
    (16_381_470_720, "16.4 GB"), (5_000_000_000_000_000, "5000 TB"),
  ])
  func threeDigits(count: Int, text: String) {
    #expect(ByteText.of(count) == text)
  }
}
