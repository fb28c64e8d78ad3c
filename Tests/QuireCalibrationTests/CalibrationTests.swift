import QuireModel
import QuireCalibration
import QuireText
import TestSupport
import Testing

@Suite struct CalibrationTests {
  private let folder = TemporaryFolder()

  private func load(
    _ source: CalibrationSource, windows: Int = 5, tokens: Int = 40, seed: UInt64 = 1, positions: Int = 1024,
    vocabulary: Int = 320, mode: CalibrationChatMode = .asWritten
  ) throws -> CalibrationSet {
    TinyTokenizer.write(to: folder)
    let configuration = ModelConfiguration(
      hiddenSize: 64, headSize: 32, vocabularySize: vocabulary, tiesEmbeddings: false,
      maximumPositions: positions,
      layers: [LayerShape(queryHeadCount: 2, keyValueHeadCount: 1, intermediateSize: 64)])
    let settings = CalibrationSettings(
      source: source, windowCount: windows, windowTokens: tokens, seed: seed, chatMode: mode)
    return try CalibrationSet(
      settings, relativeTo: folder.path + "/", checkpointFolder: folder.path, configuration: configuration,
      tokenizer: Tokenizer(folder: folder.path))
  }

  /// The sentence with which a text is refused.
  private func refusal(_ text: String, name: String, tokens: Int = 40) throws -> String? {
    folder.write(text.utf8, to: name)
    do {
      _ = try load(.file(name), tokens: tokens)
      return nil
    } catch let error as CalibrationError {
      return error.description
    }
  }

  @Test func aTextIsCutAtSeededPlaces() throws {
    let text = (0..<200).map { "line \($0)\n" }.joined()
    folder.write(text.utf8, to: "text.txt")
    let set = try load(.file("text.txt"))
    #expect(set.sourceName == "text.txt")
    #expect(set.windows.count == 5 && set.tokenCount == 200)
    #expect(set.windows.allSatisfy { $0.sequences.count == 1 && $0.tokenCount == 40 })
    #expect(try load(.file("text.txt")) == set)
    #expect(try load(.file("text.txt"), seed: 2) != set)
    let all = try Tokenizer(folder: folder.path).encode(text)
    // One after the other: none overlaps another.
    var end = 0
    for window in set.windows {
      let start = all.indices.dropFirst(end).first { all[$0...].starts(with: window.sequences[0]) }
      end = (try #require(start)) + 40
    }
    #expect(set.shortfall(of: CalibrationSettings(windowCount: 5, windowTokens: 40)) == nil)
  }

  @Test func chatsAreShownInTheModesThatTheRecipeWants() throws {
    func line(_ reasoning: String?, _ content: String) -> String {
      let thought = reasoning.map { "\"reasoning_content\": \"\($0)\", " } ?? ""
      return "{\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}, "
        + "{\"role\": \"assistant\", \(thought)\"content\": \"\(content)\"}]}\n"
    }
    folder.write((line("because", "one") + line(nil, "two") + "{\"text\": \"three\"}\n").utf8, to: "c.jsonl")
    let tokenizer = try Tokenizer(
      folder: {
        TinyTokenizer.write(to: folder); return folder.path
      }())
    func documents(_ mode: CalibrationChatMode) throws -> Set<[Int32]> {
      let set = try load(.file("c.jsonl"), windows: 6, tokens: 600, mode: mode)
      return Set(set.windows.flatMap(\.sequences))
    }
    func holds(_ documents: Set<[Int32]>, _ text: String) -> Bool {
      let part = tokenizer.encode(text)
      return documents.contains { document in document.indices.contains { document[$0...].starts(with: part) }
      }
    }
    let written = try documents(.asWritten)
    #expect(written.count == 3 && holds(written, "because"))
    let thinking = try documents(.thinking)
    #expect(thinking.count == 2 && holds(thinking, "because") && thinking.isSubset(of: written))
    let plain = try documents(.nonThinking)
    #expect(plain.count == 3 && !holds(plain, "because"))
    #expect(try documents(.both) == written.union(plain))
    folder.write(line(nil, "two").utf8, to: "plain.jsonl")
    #expect(throws: CalibrationError.self) { try load(.file("plain.jsonl"), mode: .thinking) }
  }

  @Test func chatsStayWholeAndAttendToThemselves() throws {
    let line =
      #"{"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "TEXT"}]}"#
    let lines = ["one", "two", "three"].map { line.replacing("TEXT", with: $0) }
    folder.write((lines.joined(separator: "\n\n") + "\n").utf8, to: "chats.jsonl")
    let set = try load(.file("chats.jsonl"), windows: 4, tokens: 70)
    let whole = try load(.file("chats.jsonl"), windows: 1, tokens: 1000)
    #expect(whole.windows.count == 1 && whole.windows[0].sequences.count == 3)
    #expect(set.windows.dropLast().allSatisfy { $0.tokenCount == 70 })
    // Every token once: the documents in their order, then what was cut off of them.
    #expect(set.tokenCount == whole.tokenCount)
    #expect(
      set.windows.flatMap { $0.sequences.flatMap { $0 } }.sorted()
        == whole.windows[0].sequences.flatMap { $0 }.sorted())
    let start = Int32(TinyTokenizer.startOfTurn)
    for sequence in set.windows[0].sequences { #expect(sequence[0] == start) }
    #expect(set.windows[0].sequences.count >= 2)
    #expect(try load(.file("chats.jsonl"), windows: 4, tokens: 70) == set)
  }

  /// What precedes the last answer counts less in a refit, also where a window ends in the middle of a chat.
  @Test func promptsOfChatsAreKnown() throws {
    let lines = [
      #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, "#
        + #"{"role": "user", "content": "hello"}, {"role": "assistant", "content": "yes"}]}"#,
      #"{"text": "plain"}"#, #"{"messages": [{"role": "user", "content": "alone"}]}"#,
    ]
    folder.write(lines.joined(separator: "\n").utf8, to: "mixed.jsonl")
    let whole = try load(.file("mixed.jsonl"), windows: 1, tokens: 1000).windows[0]
    let tokenizer = try Tokenizer(folder: folder.path)
    let answers = zip(whole.sequences, whole.promptCounts).map { sequence, count in
      String(decoding: tokenizer.decode(sequence.dropFirst(count)), as: UTF8.self)
    }
    let chat = try #require(answers.first { $0.contains("yes") })
    #expect(chat.contains("yes") && !chat.contains("hello") && !chat.contains("q"))
    // Text without an answer counts as a whole.
    #expect(answers.contains("plain") && answers.contains { $0.contains("alone") })
    let prompt = try #require(whole.promptCounts.max())
    let cut = try load(.file("mixed.jsonl"), windows: 50, tokens: 7)
    #expect(cut.windows.flatMap(\.promptCounts).reduce(0, +) == prompt)
  }

  @Test func aLineLongerThanAWindowGoesOnInLaterOnes() throws {
    let letters = (0..<100).map { String(UnicodeScalar(UInt8(97 + $0 * 3 % 26))) }.joined()
    folder.write("{\"text\": \"\(letters)\"}\n".utf8, to: "long.jsonl")
    let set = try load(.file("long.jsonl"), windows: 9, tokens: 40)
    let tokens = try Tokenizer(folder: folder.path).encode(letters)
    #expect(set.windows.map(\.tokenCount) == [40, 40, 20])
    #expect(set.windows.flatMap { $0.sequences.flatMap { $0 } } == tokens)
    let notice = set.shortfall(of: CalibrationSettings(windowCount: 9, windowTokens: 40))
    #expect(notice?.contains("has 100 tokens in 3 windows, but 9 windows of 40 tokens") == true)
  }

  @Test func textLinesAreDocumentsToo() throws {
    folder.write(#"{"text": "hello<|endoftext|>"}"#.utf8, to: "texts.jsonl")
    let set = try load(.file("texts.jsonl"), windows: 1, tokens: 4)
    let tokens = try Tokenizer(folder: folder.path).encode("hello<|endoftext|>")
    #expect(tokens.last == Int32(TinyTokenizer.endOfText))
    #expect(set.windows.count == 1 && set.windows[0].sequences == [Array(tokens.prefix(4))])
  }

  @Test func thoughtsAreRendered() throws {
    folder.write(
      #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "reasoning_content": "hm", "content": "a"}]}"#
        .utf8, to: "thought.jsonl")
    let set = try load(.file("thought.jsonl"), windows: 1, tokens: 40)
    #expect(set.windows[0].sequences[0].contains(Int32(TinyTokenizer.thinkStart)))
  }

  @Test func bundledPrefersTheCheckpointsOwnChats() throws {
    let carried = try load(.bundled, windows: 8, tokens: 512)
    #expect(carried.sourceName == "bundled")
    #expect(carried.windows.allSatisfy { $0.tokenCount == 512 })
    folder.write(
      #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#.utf8,
      to: "calibration.jsonl")
    #expect(try load(.bundled, windows: 1, tokens: 20).sourceName == "calibration.jsonl")
  }

  /// Chats that are tokenized as they stand would give statistics of braces and names.
  @Test func chatsUnderAnotherNameAreNotText() throws {
    let chat = #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#
    folder.write((chat + "\n").utf8, to: "chats.jsonl")
    folder.write((chat + "\n").utf8, to: "CHATS.JSONL")
    let (one, other) = (try load(.file("chats.jsonl")), try load(.file("CHATS.JSONL")))
    #expect(one.windows == other.windows)
    let texts = [chat + "\n" + chat, "\n[\n" + chat + "\n]\n", "{\n\"text\":\n\"a\"}", #"{"text": "a"}"#]
    for (index, text) in texts.enumerated() {
      #expect(
        try refusal(text, name: "chats-\(index).json")
          == "the calibration text chats-\(index).json holds chats or texts as JSON, but its name does not end in .jsonl; "
          + "save it as JSON lines under a name that does")
    }
    for text in [#"{"name": "a"}"#, "{ braces }", "[1, 2]"] {
      #expect(try refusal(text, name: "plain.txt") == nil, "\(text)")
    }
  }

  @Test func refusals() throws {
    #expect(
      try refusal("short", name: "short.txt")
        == nil)
    #expect(
      try refusal("", name: "empty.txt") == "the calibration text empty.txt is empty; give a text file")
    #expect(
      try refusal("\n  \n", name: "empty.jsonl")
        == "the calibration text empty.jsonl holds nothing; write one {\"messages\": […]} or {\"text\": …} a line"
    )
    #expect(
      try refusal("\n{\"prompt\": 1}", name: "other.jsonl")
        == "the calibration text other.jsonl has a line 2 that is neither {\"messages\": […]} nor {\"text\": …}: "
        + "it has neither")
    #expect(try refusal("{\"text\": 7}", name: "other.jsonl")?.hasSuffix("its \"text\" is no string") == true)
    #expect(
      try refusal("{\"messages\": []}", name: "none.jsonl")
        == "the calibration text none.jsonl has a line 1 that is neither {\"messages\": […]} nor {\"text\": …}: "
        + "messages: expected at least one message, found none")
    #expect(
      try refusal("{\"text\": \"a\", \"messages\": []}", name: "both.jsonl")?
        .hasSuffix("nor {\"text\": …}: it has both; leave one out") == true)
    let missing = #expect(throws: CalibrationError.self) { _ = try load(.file("absent.txt")) }
    #expect(
      missing?.description
        == "cannot read the calibration text \(folder.path)/absent.txt; check that the file exists and may be read"
    )
    let long = #expect(throws: CalibrationError.self) { _ = try load(.bundled, positions: 16) }
    #expect(
      long?.description
        == "the calibration text bundled is cut into windows of 40 tokens, but the model has 16 positions; "
        + "ask for fewer tokens a window (\"tokens\" of the recipe's calibration, or --tokens)")
    let foreign = #expect(throws: CalibrationError.self) { _ = try load(.bundled, vocabulary: 100) }
    #expect(foreign?.description.contains("but the model has 100 tokens") == true)
  }
}
