import QuireGeneration
import TestSupport
import Testing

@Suite struct StopStringMatcherTests {
  /// Feeds the pieces; the text released and the match.
  private func run(_ stops: [String], _ pieces: [String]) -> (text: String, match: String?) {
    var matcher = StopStringMatcher(stops)
    var text = ""
    for piece in pieces {
      let (released, match) = matcher.append(piece)
      text += released
      if let match { return (text, match) }
    }
    return (text + matcher.finish(), nil)
  }

  @Test func holdsBackExactlyWhatCouldBecomeAStopString() {
    var matcher = StopStringMatcher(["END", "\n\n"])
    #expect(matcher.append("one E").released == "one ")
    #expect(matcher.append("N").released == "")
    #expect(matcher.append("E").released == "EN")
    #expect(matcher.append("x\n").released == "Ex")
    let last = matcher.append("\nrest")
    #expect(last.released == "")
    #expect(last.match == "\n\n")
    #expect(matcher.append("more").released == "")
    #expect(matcher.finish() == "")
  }

  @Test func releasesWhatWasHeldWhenTheTextEnds() {
    #expect(run(["abcd"], ["xab", "c"]).text == "xabc")
  }

  @Test func textAfterTheEndIsAnotherText() {
    var matcher = StopStringMatcher(["abc", "xy"])
    #expect(matcher.append("1ab").released == "1")
    #expect(matcher.finish() == "ab")
    #expect(matcher.append("c2").released == "c2")
    #expect(matcher.append("xy").match == "xy")
  }

  @Test func withoutStopStringsEverythingPasses() {
    #expect(run([], ["a", "b"]) == ("ab", nil))
  }

  /// The first occurrence by its end, against a plain search, over all cuts of random texts of few letters.
  @Test func theMatchDoesNotDependOnTheCuts() {
    var generator = SeededGenerator(seed: 12)
    let letters = ["a", "b", "é", "🙂"]
    func word(_ count: Int) -> String {
      (0..<count).map { _ in letters[Int(generator.next() % 4)] }.joined()
    }
    var matchCount = 0
    for _ in 0..<2000 {
      let stops = (0..<Int(generator.next() % 3 + 1)).map { _ in word(Int(generator.next() % 4 + 1)) }
      let text = word(20)
      let expected = firstMatch(of: stops, in: text)
      if expected.match != nil { matchCount += 1 }
      for _ in 0..<3 {
        var pieces: [String] = [""]
        for character in text {
          if generator.next() % 3 == 0 { pieces.append("") }
          pieces[pieces.count - 1].append(character)
        }
        #expect(run(stops, pieces) == expected, "\(stops) in \(pieces)")
      }
    }
    #expect((500...1950).contains(matchCount))
  }

  private func firstMatch(of stops: [String], in text: String) -> (text: String, match: String?) {
    let bytes = Array(text.utf8)
    for end in 1...bytes.count {
      let ending = stops.filter { bytes[..<end].reversed().starts(with: $0.utf8.reversed()) }
      if let longest = ending.max(by: { $0.utf8.count < $1.utf8.count }) {
        return (String(decoding: bytes[..<(end - longest.utf8.count)], as: UTF8.self), longest)
      }
    }
    return (text, nil)
  }
}
