import Foundation
import QuireJSON
import TestSupport
import Testing

/// A running `quire serve`, on a port of its own. Stopped hard with the last reference, if it still runs.
final class ServedProgram {
  let port: Int
  private let process = Process()
  private let files = TemporaryFolder()

  /// Starts the server and waits until it says where it listens.
  ///
  /// - Parameter limit: a command of the shell that limits the server first, such as `ulimit -n 32`.
  convenience init(
    _ model: String, _ extra: [String] = [], limit: String = ":",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try self.init(
      words: [model, "--port", "0", "--threads", "2"] + extra, limit: limit, sourceLocation: sourceLocation)
  }

  /// The same with all words after `serve`, and with variables of the environment.
  init(
    words: [String], environment: [String: String] = [:], limit: String = ":",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let arguments = ["serve"] + words
    process.arguments = ["-c", "\(limit); exec \"$0\" \"$@\"", BuiltProgram.quire.path] + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: files.write([], to: "output"))
    process.standardError = FileHandle(forWritingAtPath: files.write([], to: "errors"))
    try process.run()
    let path = files.path + "/errors"
    let process = process
    var port: Int?
    _ = eventually {
      let told = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      port = told.firstMatch(of: /serving \S+ at http:\/\/127\.0\.0\.1:(\d+)\/v1\n/).flatMap { Int($0.1) }
      return port != nil || !process.isRunning
    }
    let told = try String(contentsOfFile: path, encoding: .utf8)
    self.port = try #require(port, "\(told)", sourceLocation: sourceLocation)
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  var errors: String {
    get throws { try String(contentsOfFile: files.path + "/errors", encoding: .utf8) }
  }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// Waits for the end; the exit code, or nil when a signal or the time limit ended it.
  func end(within seconds: Double = 60) -> Int32? {
    guard eventually(within: seconds, { !process.isRunning }), process.terminationReason == .exit else {
      return nil
    }
    return process.terminationStatus
  }

  /// The JSON that answers a POST, whatever its status.
  func post(_ path: String, _ body: JSONValue) throws -> (status: Int, json: JSONValue) {
    let response = try #require(
      exchangeOnce(port: port, "POST", path, body: body.serialized(), headers: Self.headers))
    return (response.status, try JSONValue.parse(response.body))
  }

  /// Begins a streamed POST.
  func open(_ path: String, _ body: JSONValue) throws -> SocketClient {
    let client = SocketClient(port: port)
    client.send(requestText("POST", path, body: body.serialized(), headers: Self.headers))
    let head = try #require(client.readHead())
    #expect(head.status == 200 && head.header("Content-Type")?.hasPrefix("text/event-stream") == true)
    return client
  }

  private static let headers = ["Content-Type: application/json"]
}

extension SocketClient {
  /// The data of all events up to the end of the stream; `begin` was read before.
  func readEvents(after begin: [UInt8] = []) throws -> [String] {
    var text = String(decoding: begin, as: UTF8.self)
    while let chunk = readChunk(), !chunk.isEmpty { text += String(decoding: chunk, as: UTF8.self) }
    return text.components(separatedBy: "\n\n").filter { $0.hasPrefix("data: ") }.map {
      String($0.dropFirst(6))
    }
  }
}

/// The texts of one member of all deltas, joined.
func joined(_ member: String, of events: [String]) throws -> String {
  try events.filter { $0 != "[DONE]" }.map {
    let choice = try JSONValue.parse(Array($0.utf8))["choices"]?.arrayValue?.first
    return choice?["delta"]?[member]?.stringValue ?? ""
  }.joined()
}
