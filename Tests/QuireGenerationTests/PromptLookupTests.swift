import QuireGeneration
import TestSupport
import Testing

@Suite struct PromptLookupTests {
  private func proposal(_ count: Int, after tokens: [Int32], byToken: Bool = false) -> [Int32] {
    var lookup = PromptLookup(maximumTokens: 1024)
    if byToken { for end in tokens.indices { lookup.catchUp(with: Array(tokens[...end])) } }
    lookup.catchUp(with: tokens)
    // What other texts have been given stands before.
    var drafts: [Int32] = [99]
    lookup.propose(count, after: tokens, into: &drafts)
    #expect(drafts.first == 99)
    return Array(drafts.dropFirst())
  }

  @Test(arguments: [false, true])
  func followsTheTextAfterTheSameTokens(byToken: Bool) {
    let cases: [(text: [Int32], drafts: [Int32])] = [
      ([], []), ([1], []), ([1, 1], []), ([1, 2, 3, 4], []),
      ([1, 2, 3, 4, 9, 1, 2], [3, 4, 9, 1]),
      // The latest of two places, where both agree over two tokens …
      ([1, 2, 5, 7, 1, 2, 6, 8, 1, 2], [6, 8, 1, 2]),
      // … but a longer match before a later one.
      ([1, 2, 3, 4, 5, 6, 9, 3, 4, 8, 1, 2, 3, 4], [5, 6, 9, 3]),
      // One token in common is none.
      ([1, 2, 3, 9, 3], []),
    ]
    for (text, drafts) in cases { #expect(proposal(4, after: text, byToken: byToken) == drafts) }
  }

  @Test func repeatsTheDraftsWhenTheSourceReachesTheEnd() {
    #expect(proposal(7, after: [8, 1, 2, 3, 1, 2]) == [3, 1, 2, 3, 1, 2, 3])
    #expect(proposal(5, after: [4, 7, 7, 7]) == [7, 7, 7, 7, 7])
  }

  @Test func staysInThePassageThatIsQuoted() {
    // 1…9 are quoted; 4 5 6 occurred later in another place too, before 77.
    let text: [Int32] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 50, 4, 5, 6, 77, 60, 1, 2, 3, 4, 5, 6]
    #expect(proposal(3, after: text, byToken: true) == [7, 8, 9])
  }

  /// What a search through the whole text says about the end of it.
  private func longestMatch(_ tokens: [Int32]) -> Int {
    var longest = 0
    for end in 1..<max(tokens.count, 1) {
      var common = 0
      while common < min(end, 8), tokens[end - 1 - common] == tokens[tokens.count - 1 - common] {
        common += 1
      }
      longest = max(longest, common)
    }
    return longest
  }

  @Test func findsWhatASearchFinds() {
    var generator = SeededGenerator(seed: 5)
    for letters in [3, 6, 20] {
      var lookup = PromptLookup(maximumTokens: 400)
      var tokens: [Int32] = []
      for _ in 0..<300 {
        tokens.append(Int32(generator.next() % UInt64(letters)))
        lookup.catchUp(with: tokens)
        let longest = longestMatch(tokens)
        guard let source = lookup.source else {
          #expect(longest < 2)
          continue
        }
        #expect(lookup.matchLength == longest)
        for back in 1...lookup.matchLength { #expect(tokens[source - back] == tokens[tokens.count - back]) }
      }
    }
  }

  /// Hashes that collide and chains that are cut short may hide a match, but never make one up.
  @Test func crowdedTablesDoNoHarm() {
    var generator = SeededGenerator(seed: 6)
    var lookup = PromptLookup(maximumTokens: 4)
    var tokens = generator.tokens(3000, vocabularySize: 40)
    var drafts: [Int32] = []
    for _ in 0..<500 {
      tokens.append(Int32(generator.next() % 40))
      lookup.catchUp(with: tokens)
      guard let source = lookup.source else { continue }
      for back in 1...lookup.matchLength { #expect(tokens[source - back] == tokens[tokens.count - back]) }
      drafts.removeAll()
      lookup.propose(8, after: tokens, into: &drafts)
      #expect(drafts.count == 8)
    }
  }
}
