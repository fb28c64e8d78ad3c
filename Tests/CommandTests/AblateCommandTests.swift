import Foundation
import QuireJSON
import TestSupport
import Testing

@Suite struct AblateCommandTests {
  private let place = Workplace()
  private let texts = TemporaryFolder()
  private var requests: String {
    texts.write(
      #"{"messages": [{"role": "user", "content": "hi there"}], "max_tokens": 3}"#.utf8, to: "requests.jsonl")
  }

  private func run(_ words: String...) throws -> Tool.Outcome {
    try BuiltProgram.quire.run(
      ["ablate", place.checkpoint.path, "--requests", requests, "--rounds", "1"] + words, folder: place.path)
  }

  @Test func writesTablesJSONAndAPage() throws {
    let outcome = try run(
      "--techniques", "weights,lookup", "--json", "a.json", "--html", "a.html", "--quiet")
    #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
    #expect(outcome.output.contains("1 request (\(requests))"))
    #expect(outcome.output.contains("All together: "))
    let json = try JSONValue.parse([UInt8](try Data(contentsOf: URL(fileURLWithPath: place.place("a.json")))))
    #expect(json["rows"]?.arrayValue?.compactMap { $0["to"]?.stringValue }.last == "on")
    #expect(json["provenance"]?["command"]?.stringValue?.hasPrefix("quire ablate ") == true)
    let page = try String(contentsOfFile: place.place("a.html"), encoding: .utf8)
    #expect(page.hasPrefix("<!doctype html>") && page.contains("What each technique is worth"))
    let streamed = try run("--techniques", "lookup", "--html", "-", "--quiet")
    #expect(streamed.status == 0 && streamed.output.hasPrefix("<!doctype html>"))
    #expect(streamed.output.hasSuffix("</html>\n"), "no table on the standard output")
    // Neither replaces a file unless asked.
    let again = try run("--techniques", "lookup", "--json", "a.json", "--quiet")
    #expect(again.status == 1 && again.errors.contains("--force"))
  }

  @Test func aPackSaysWhatItCannotShow() throws {
    let pack = try place.pack()
    let outcome = try BuiltProgram.quire.run(
      ["ablate", pack, "--requests", requests, "--rounds", "1", "--no-alone", "--threads", "1"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let flat = outcome.output.replacing("\n", with: " ")
    #expect(flat.contains("Not shown: weights: a pack has the formats that its recipe chose"))
    #expect(flat.contains("Not shown: threads: there is only one thread to compute with"))
    #expect(flat.contains("One round was measured, so nothing says how far another would differ"))

    let nothing = try BuiltProgram.quire.run(["ablate", pack, "--techniques", "weights,heads", "--quiet"])
    expectUsageError(
      nothing, by: "ablate",
      ["expected a technique that can be switched for \(pack), found none: weights: ", "name others"])
  }

  @Test func wrongWordsAndFiles() throws {
    let word = try run("--techniques", "weights,wheels")
    #expect(word.status == 2)
    #expect(
      word.errors
        == "quire ablate: --techniques: expected different ones of weights, heads, kv-cache, prefix-cache, batching, "
        + "threads, lookup, separated by commas, found 'weights,wheels'\n")
    let missing = try BuiltProgram.quire.run(
      ["ablate", place.checkpoint.path, "--requests", "no.jsonl", "--json", "a.json"], folder: place.path)
    #expect(missing.status == 1)
    #expect(missing.errors.contains("expected recorded requests, one JSON object a line, in no.jsonl"))
    let input = try BuiltProgram.quire.run(
      ["ablate", place.checkpoint.path, "--requests", requests, "--json", requests, "--force"])
    #expect(input.status == 1 && input.errors.contains("requests"))
    #expect(place.outputs == [])
  }
}
