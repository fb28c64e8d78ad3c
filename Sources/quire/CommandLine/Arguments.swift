/// The words after a command's name, checked against what the command takes.
struct Arguments {
  let command: String
  private(set) var positionals: [String] = []
  /// By option; a switch that is off has no values.
  private var values: [String: [String]] = [:]
  /// Of values that are not from the command line, in the order of the command's options.
  private(set) var settings: [Setting] = []

  /// Sorts `words` into positionals and options; throws `UsageError` for anything the command does not take.
  init(_ words: [String], for command: Command) throws {
    self.command = command.name
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        // The following words are positionals, even if they begin with "-".
        positionals += rest
        break
      }
      guard word.hasPrefix("-"), word != "-" else {
        positionals.append(word)
        continue
      }
      // By bytes: in Swift "=" and a combining mark after it are one character.
      let parts = word.utf8.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false
      )
      .map { String(Substring($0)) }
      guard let option = command.options.first(where: { $0.name == parts[0] || $0.short == parts[0] }) else {
        let guess = Suggestion.clause(for: parts[0], among: command.options.map(\.name) + ["--help"])
        throw UsageError(command.name, "unknown option \(parts[0])\(guess); see quire \(command.name) --help")
      }
      add(try Self.value(of: option, parts, &rest, command.name), to: option)
    }
    try refuseEmptyPaths(of: command)
    if command.isConfigurable {
      try complete(for: command)
      try refuseEmptyPaths(of: command)
    }
    // "[MODEL]" is optional.
    let needed = command.positionals.filter { !$0.hasPrefix("[") }.count
    // The last of "FILE…" may be repeated.
    let limit = command.positionals.last?.hasSuffix("…") == true ? Int.max : command.positionals.count
    guard (needed...limit).contains(positionals.count) else {
      let wanted = command.positionals.isEmpty ? "no arguments" : command.positionals.joined(separator: " ")
      let found = positionals.isEmpty ? "none" : positionals.joined(separator: " ")
      throw UsageError(command.name, "expected \(wanted), found \(found); see quire \(command.name) --help")
    }
  }

  /// Adds a value of the command line, nil for a switch that is off. Of two different ones the last counts, as in most
  /// programs, so that a script can add to what is always given; but no value is dropped silently.
  private mutating func add(_ value: String?, to option: Command.Option) {
    let isOutput = option.value != nil && Self.outputOptions.contains(option.name)
    // The standard output has several names.
    let added = value.map { [isOutput && StreamOutput.isStandardOutput($0) ? "-" : $0] } ?? []
    if !option.isRepeatable, let known = values[option.name], known != added {
      func shown(_ values: [String]) -> String {
        option.value == nil ? "\(option.name)=\(!values.isEmpty)" : "'\(values.joined().prefix(60))'"
      }
      showNotices(["\(option.name) is given twice; of \(shown(known)) and \(shown(added)) the last counts"])
    }
    values[option.name] = option.isRepeatable ? all(option.name) + added : added
  }

  /// An empty path is a variable of a script that was not set; sentences about it would show nothing.
  private func refuseEmptyPaths(of command: Command) throws {
    let kinds = ["FILE", "FILE:KIND", "PATH", "DIR", "CHECKPOINT", "MODEL", "FOLDER"]
    let options = command.options.filter {
      kinds.contains($0.value ?? "") && values[$0.name]?.contains("") == true
    }
    if let option = options.first {
      throw UsageError(
        command.name,
        "\(spelling(option.name)): expected a path, found an empty text; name the file or folder")
    }
    for (index, word) in positionals.enumerated() where word.isEmpty {
      guard let last = command.positionals.last else { continue }
      let name = index < command.positionals.count ? command.positionals[index] : last
      if name == "[PROMPT]" { continue }
      let shown = settings.first(where: \.isPositional)?.spelling ?? name
      throw UsageError(
        command.name, "\(shown): expected a path, found an empty text; name the file or folder")
    }
  }

  /// Adds what the command line does not give: first from variables, then from the configuration file.
  private mutating func complete(for command: Command) throws {
    var found = try VariableSettings.settings(for: command)
    let variable = found.first { $0.option == Command.Option.config.name }
    if let path = string(Command.Option.config.name) ?? variable?.values.last {
      found += try FileSettings(path: path, command: command, origin: variable?.source).settings
    }
    for setting in found where setting.option != Command.Option.config.name {
      let isGiven =
        setting.isPositional ? !positionals.isEmpty : values[setting.option] != nil
      guard !isGiven else { continue }
      settings.append(setting)
      if setting.isPositional {
        positionals = setting.values
      } else {
        values[setting.option] = setting.values
      }
    }
  }

  /// The value of an option; "" for a switch, nil for one that is switched off by `=false`.
  private static func value(
    of option: Command.Option, _ parts: [String], _ rest: inout ArraySlice<String>, _ command: String
  ) throws -> String? {
    guard let kind = option.value else {
      guard parts.count > 1, parts[1] != "true" else { return "" }
      if parts[1] == "false" { return nil }
      throw UsageError(command, "\(option.name): expected true or false, found '\(parts[1])'")
    }
    if parts.count > 1 { return parts[1] }
    guard let next = rest.popFirst() else {
      throw UsageError(command, "\(option.name) needs a value (\(kind)); see quire \(command) --help")
    }
    return next
  }

  func has(_ option: String) -> Bool { values[option]?.isEmpty == false }

  /// The option as the user wrote it, for messages: "--port", "QUIRE_PORT" or "serve.json5, line 2, column 3: port".
  func spelling(_ option: String) -> String {
    settings.first { $0.option == option }?.spelling ?? option
  }

  /// The configuration file that gives the option; nil where the command line or a variable does.
  func configurationFile(of option: String) -> String? {
    guard case .file(let path, _) = settings.first(where: { $0.option == option })?.source else { return nil }
    return path
  }

  /// All values of an option that may be repeated.
  func all(_ option: String) -> [String] { values[option] ?? [] }

  /// Whether a configuration file gives an option that may be repeated, but no value of it.
  func isEmptyList(_ option: String) -> Bool { values[option]?.isEmpty == true }

  func string(_ option: String) -> String? { values[option]?.last }

  private static let outputOptions = ["--output", "--json", "--html"]

  /// The files and folders that the command was told to write.
  var outputs: [String] {
    Self.outputOptions.compactMap(string).filter { !$0.isEmpty && !StreamOutput.isStream($0) }
  }

  func required(_ option: String) throws -> String {
    guard let value = string(option) else {
      throw UsageError(command, "\(option) is missing; see quire \(command) --help")
    }
    return value
  }

  /// `--output` of a command that writes no stream: the safetensors and GGUF writers go back in their file, and an export
  /// may be a folder.
  func outputPath() throws -> String {
    let path = try required("--output")
    guard !StreamOutput.isStream(path) else {
      let stream = path == StreamOutput.standardOutputPath ? "the standard output" : "a stream"
      throw UsageError(
        command,
        "--output: expected a path, found \(path), but \(command) cannot write to \(stream); give the path of a file"
      )
    }
    return path
  }

  /// - Parameter unit: what the number counts, where a user may expect to write it, as in "2G"
  func integer(_ option: String, in range: ClosedRange<Int>, unit: String? = nil) throws -> Int? {
    guard let text = string(option) else { return nil }
    guard let value = Int(text), range.contains(value) else {
      let isTooLarge = text.utf8.allSatisfy { (0x30...0x39).contains($0) } && Int(text) == nil
      let wanted =
        range.upperBound == .max && !isTooLarge
        ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      let kind = unit.map { "a whole number of \($0)" } ?? "a whole number"
      throw UsageError(command, "\(spelling(option)): expected \(kind) \(wanted), found '\(text)'")
    }
    return value
  }

  func number(_ option: String, in range: ClosedRange<Float>) throws -> Float? {
    guard let text = string(option) else { return nil }
    guard let value = Float(text), range.contains(value) else {
      throw UsageError(
        command,
        "\(spelling(option)): expected a number from \(range.lowerBound) to \(range.upperBound), found '\(text)'"
      )
    }
    return value
  }

  /// A list like "1,4,16".
  func integers(_ option: String, in range: ClosedRange<Int>) throws -> [Int]? {
    guard let text = string(option) else { return nil }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0.trimmingPrefix(while: \.isWhitespace)) }
    guard numbers.count == parts.count, numbers.allSatisfy(range.contains) else {
      throw UsageError(
        command,
        "\(spelling(option)): expected whole numbers from \(range.lowerBound) to \(range.upperBound) separated by commas, found '\(text)'"
      )
    }
    return numbers
  }
}

/// The command line itself is wrong, alone or for the model that it names: exit code 2.
struct UsageError: Error, CustomStringConvertible {
  /// Nil: the command that runs.
  let command: String?
  let sentence: String
  init(_ command: String?, _ sentence: String) {
    self.command = command
    self.sentence = sentence
  }
  var description: String { sentence }
}

/// A command could not do its work for a reason that belongs to no module: exit code 1.
struct CommandError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A failure whose sentence the user has read already; only the exit code is left to report.
struct ReportedFailure: Error {}
