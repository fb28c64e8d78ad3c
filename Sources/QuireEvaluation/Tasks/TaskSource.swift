import Foundation
import QuireFiles
import QuireJSON

/// A file of problems and how they are asked: what `--tasks` names.
///
///     --tasks test.jsonl:gsm8k                     a file and its kind
///     --tasks recipes/tasks/gsm8k.json5            a description that names its file
///     --tasks test.jsonl:recipes/tasks/gsm8k.json5 a description, and the file instead of its own
///
/// A description is a JSON5 object with `kind` and, all optional, `name` (default: the kind), `file` and `shots.file`
/// (relative to the description), `shots.count` (the first ones of their file), `system` (the system message) and
/// `introduction` (a text before the examples of choices).
package struct TaskSource: Sendable, Equatable {
  package var path: String
  /// The description that says how they are asked; nil where the command line does.
  package private(set) var descriptionFile: String?
  package var kind: TaskKind
  /// The name of the task, where the file's lines do not name one.
  package var name: String
  package var system: String?
  package var introduction: String?
  /// Solved examples before each question: the first lines of a file.
  package var shotFile: String?
  package var shotCount = 0

  package init(path: String, kind: TaskKind = .exact, name: String? = nil) {
    self.path = path
    self.kind = kind
    self.name = name ?? kind.rawValue
  }

  /// Reads the value of `--tasks`.
  package init(argument: String) throws(EvaluationError) {
    // A path may have colons too.
    let colon =
      FileManager.default.fileExists(atPath: argument) ? nil : argument.lastIndex(of: ":")
    let word = colon.map { String(argument[argument.index(after: $0)...]) } ?? argument
    if argument.hasSuffix(Self.ending) {
      try self.init(description: word, file: colon.map { String(argument[..<$0]) })
      return
    }
    guard let colon else {
      self.init(path: argument)
      return
    }
    guard let kind = TaskKind(rawValue: word) else {
      throw .invalidOption(
        name: "tasks",
        sentence:
          "expected FILE:KIND with one of the kinds \(Self.kindList), found '\(word)' in \(argument); "
          + "name a kind or the path of a description (.json5)")
    }
    self.init(path: String(argument[..<colon]), kind: kind)
  }

  private static let ending = ".json5"
  private static let kindList = TaskKind.allCases.map(\.rawValue).joined(separator: ", ")

  /// The problems with their examples.
  func problems() throws(EvaluationError) -> [TaskProblem] {
    var problems = try TaskFile.read(path: path, kind: kind, task: name)
    let shots = try examples()
    for index in problems.indices {
      problems[index].system = system
      problems[index].shots = shots
      if let introduction { problems[index].introduction = introduction }
    }
    return problems
  }

  private func examples() throws(EvaluationError) -> [TaskShot] {
    guard let shotFile, shotCount > 0 else { return [] }
    let found = try TaskFile.read(path: shotFile, kind: kind, task: name)
    guard found.count >= shotCount else {
      throw .unusableFile(
        "expected \(shotCount) solved examples in \(shotFile), found \(found.count); give a file with more or "
          + "lower the description's count")
    }
    return found.prefix(shotCount).map { TaskShot(question: $0.prompt, answer: $0.answer) }
  }
}

// Descriptions.
extension TaskSource {
  private init(description path: String, file: String?) throws(EvaluationError) {
    let bytes = try EvaluationError.text(path: path, purpose: "a task's description")
    let json: JSONValue
    do throws(JSONError) { json = try JSONValue.parse(bytes, syntax: .json5) } catch {
      throw Self.refusal(path, "a JSON5 object", "an error (\(error))")
    }
    guard let object = json.objectValue else {
      throw Self.refusal(path, "a JSON5 object", json.kindDescription)
    }
    let known = ["name", "kind", "file", "system", "introduction", "shots"]
    if let other = object.keys.first(where: { !known.contains($0) }) {
      throw Self.refusal(path, "only the members \(known.joined(separator: ", "))", "\"\(other)\"")
    }
    func text(_ object: JSONValue, _ key: String) throws(EvaluationError) -> String? {
      guard let member = object[key] else { return nil }
      guard let text = member.stringValue, !text.isEmpty else {
        throw Self.refusal(
          path, "\"\(key)\", a string that is not empty",
          member.stringValue == nil ? member.kindDescription : "an empty one")
      }
      return text
    }
    guard let word = try text(json, "kind"), let kind = TaskKind(rawValue: word) else {
      throw Self.refusal(
        path, "\"kind\" to be one of \(Self.kindList)", json["kind"]?.stringValue ?? "no such member")
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
    func resolved(_ name: String) -> String {
      name.hasPrefix("/") || folder == "." && !path.hasPrefix("./") ? name : folder + "/" + name
    }
    let named = try text(json, "file").map(resolved)
    guard let own = file ?? named else {
      throw Self.refusal(
        path, "a file of problems, as \"file\" or in FILE:\(path) on the command line", "none")
    }
    let name = try text(json, "name")
    if let name, GateCondition.isReserved(name) {
      throw Self.refusal(path, "another name than \"\(name)\"", GateCondition.reservation)
    }
    self.init(path: own, kind: kind, name: name)
    descriptionFile = path
    system = try text(json, "system")
    introduction = try text(json, "introduction")
    guard let shots = json["shots"] else { return }
    guard let shotFile = try text(shots, "file"), let count = shots["count"]?.intValue,
      (1...100).contains(count), shots.objectValue?.count == 2
    else {
      throw Self.refusal(
        path, "\"shots\" to be an object with \"file\" and \"count\", a number from 1 to 100",
        shots.serialized())
    }
    // Examples of a file that the command line gives are next to that file.
    self.shotFile =
      file.map { URL(fileURLWithPath: $0).deletingLastPathComponent().path + "/" + shotFile }
      ?? resolved(shotFile)
    shotCount = count
  }

  private static func refusal(_ path: String, _ expected: String, _ found: String) -> EvaluationError {
    .unusableFile(
      "\(path): expected \(expected), found \(found); correct the description")
  }
}
