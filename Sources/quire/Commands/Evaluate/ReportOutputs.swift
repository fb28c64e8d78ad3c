import Foundation
import QuireConversion
import QuireEvaluation
import QuireFiles
import QuireJSON
import QuireModelFiles

/// Where a report is written: files and other streams, opened before the long evaluation, or for `-` the standard output.
struct ReportOutputs {
  private enum Destination {
    case file(AtomicFile)
    case standardOutput
    case stream(StreamOutput)
  }

  private let json: Destination?
  private let html: Destination?
  /// Whether the standard output is the report, so that no table may be on it.
  let isStreamed: Bool

  init(_ arguments: Arguments, _ recipes: [(recipe: Recipe, path: String)], _ tasks: [TaskSource]) throws {
    var files = OutputGuard()
    for model in arguments.positionals + arguments.all("--reference") {
      files.reads(model: model)
      files.reads(parentOf: try ModelSource(path: model).pack)
    }
    for (recipe, path) in recipes { files.reads(recipe, at: path) }
    for source in tasks {
      files.reads(source.path, as: "the tasks")
      source.descriptionFile.map { files.reads($0, as: "the description of the tasks") }
      source.shotFile.map { files.reads($0, as: "the solved examples") }
    }
    arguments.string("--text").map { files.reads($0, as: "the text") }
    for path in arguments.all("--server-key-file") { files.reads(path, as: "a server's key") }
    arguments.string("--baseline").map { files.reads($0, as: "the earlier report") }
    try self.init(arguments, &files)
  }

  /// - Parameters:
  ///   - files: knows what the command reads
  ///   - member: the first member of the JSON report
  init(_ arguments: Arguments, _ files: inout OutputGuard, member: String = "model") throws {
    files.reads(adaptersOf: arguments)
    isStreamed = try arguments.streamsReport()
    json = try Self.open(arguments, "--json", &files, .bytes(Array("{\n  \"\(member)\"".utf8)))
    html = try Self.open(arguments, "--html", &files, Self.page)
  }

  /// How every page begins.
  private static let page = FileBeginning.bytes(Array("<!doctype html>\n<html".utf8))

  private static func open(
    _ arguments: Arguments, _ option: String, _ files: inout OutputGuard, _ beginning: FileBeginning
  ) throws -> Destination? {
    guard let path = arguments.string(option) else { return nil }
    if path == StreamOutput.standardOutputPath { return .standardOutput }
    if StreamOutput.isStream(path) {
      try files.check(path, option: option, replaces: false)
      return .stream(try writing(path) { () throws(FileFailure) in try StreamOutput(path: path) })
    }
    return .file(try open(path, option, &files, beginning, replaces: arguments.has("--force")))
  }

  /// The file at `path`, empty and under its temporary name.
  private static func open(
    _ path: String, _ option: String, _ files: inout OutputGuard, _ beginning: FileBeginning, replaces: Bool
  ) throws -> AtomicFile {
    try files.check(path, option: option, replaces: replaces)
    try files.checkUnfinished(of: path, option: option, [.contents: beginning], replaces: replaces)
    return try writing(path) { () throws(FileFailure) in try AtomicFile(path: path, beginning: beginning) }
  }

  func write(_ report: EvaluationReport) throws {
    try write(
      json: report.json.serialized(pretty: true) + "\n",
      html: ReportPage(ReportView(json: report.json, name: "the report")).html)
  }

  func write(page: String) throws { try Self.write(page, to: html) }

  func write(json text: String, html page: @autoclosure () throws -> String) throws {
    // What refuses one of them does not keep the report from the other.
    let written = Result { try Self.write(text, to: json) }
    if html != nil { try write(page: page()) }
    try written.get()
  }

  private static func write(_ text: String, to destination: Destination?) throws {
    switch destination {
    case nil: return
    case .standardOutput: Terminal.output(text)
    case .stream(let stream): try stream.write(text)
    case .file(let file):
      try writing(file.path) { () throws(FileFailure) in
        try file.write(Array(text.utf8))
        try file.commit()
      }
    }
  }
}

extension Arguments {
  /// Whether `--json -` or `--html -` writes the report to the standard output, which holds only one of them.
  func streamsReport() throws -> Bool {
    let streamed = ["--json", "--html"].filter { string($0) == "-" }
    guard streamed.count < 2 else {
      throw UsageError(
        command,
        "expected the standard output for one of --json and --html, found - for both; name a file for one of them"
      )
    }
    return !streamed.isEmpty
  }
}

func writing<Value>(_ path: String, _ body: () throws(FileFailure) -> Value) throws -> Value {
  do throws(FileFailure) {
    return try body()
  } catch {
    throw CommandError(
      "expected to write \(path), found: \(error.reasonAndRemedy)")
  }
}

/// Commands as a user types them.
enum CommandText {
  /// "quire" and the words, each quoted for a shell where it needs to be.
  static func quoted(_ words: some Sequence<String>) -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%")
    let shown = words.map { word in
      !word.isEmpty && word.allSatisfy(plain.contains) ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
    return (["quire"] + shown).joined(separator: " ")
  }
}

extension ReportProvenance {
  static func current(command: String) -> ReportProvenance {
    let date = Date().formatted(.iso8601.year().month().day())
    return ReportProvenance(
      program: "quire \(Program.version)", command: command, processor: Machine.processor,
      coreCount: ProcessInfo.processInfo.activeProcessorCount,
      memoryBytes: Int(clamping: ProcessInfo.processInfo.physicalMemory), date: date)
  }
}
