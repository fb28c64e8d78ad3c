import Foundation
import TestSupport
import Testing

/// Every option of `serve --help` starts a server, piped and on terminals, that ends well at SIGTERM.
@Suite struct DocumentedServeTests {
  /// Values to try; options without one are switches.
  private static let values = [
    "--host": "127.0.0.1", "--port": "0", "--model-name": "tiny", "--model-alias": "small", "--slots": "2",
    "--queue": "3",
    "--token-budget": "32", "--kv-memory": "16", "--response-memory": "1", "--drain-seconds": "1",
    "--context": "64",
    "--kv-cache": "float16", "--threads": "1", "--allow-origin": "https://example.org",
    "--parent": "/", "--chat-format": "qwen3", "--reasoning-tags": "none", "--tool-format": "json",
    "--api-key": "secret", "--log-bodies": "100",
    "--allow-host": "example.org", "--thinking": "64", "--answer-reserve": "16",
    "--thinking-close-message": "Enough.",
  ]

  @Test func everyOptionServes() throws {
    let place = Workplace()
    let texts = TemporaryFolder()
    let keys = texts.write("# mine\nsecret-1\n".utf8, to: "keys")
    let report = texts.write(#"{"rows": [{"step": "reference"}]}"#.utf8, to: "report.json")
    let adapter = TinyAdapter.write(to: texts)
    let configuration = texts.write("{slots: 3}".utf8, to: "serve.json5")
    let files = [
      "--report": report, "--api-key-file": keys, "--config": configuration, "--adapter": adapter,
      "--draft": place.checkpoint.path,
    ]
    let help = try BuiltProgram.quire.run(["serve", "--help"], environment: ["COLUMNS": "400"]).output
    let options = help.split(separator: "\n").compactMap { $0.firstMatch(of: /^  (--[a-z-]+)( [A-Z])?/) }
    #expect(options.count > 10)
    for match in options where match.1 != "--help" {
      let name = String(match.1)
      var extra = [name]
      if match.2 != nil {
        extra.append(try #require(files[name] ?? Self.values[name], "no example of serve \(name)"))
      }
      let words = ["serve", place.checkpoint.path, "--port", "0"] + extra
      for columns in [80, 100] {
        let session = try #require(TerminalSession(words, columns: columns))
        if name == "--quiet" {
          Thread.sleep(forTimeInterval: 2)
        } else {
          #expect(session.wait(for: "API key: "), "\(name): \(session.transcript)")
        }
        session.signal(SIGTERM)
        #expect(session.finish(seconds: 30) == 0, "\(name): \(session.transcript)")
        #expect(session.linesTooWide == [], "\(name)")
      }
    }
  }
}
