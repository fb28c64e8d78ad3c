/// The value of an option that was not given on the command line.
struct Setting {
  enum Source: Equatable {
    /// The name of an environment variable.
    case variable(String)
    /// A member of a configuration file; `position` is the text "line 2, column 3".
    case file(path: String, position: String)
  }

  /// "--port"; ``positional`` for MODEL.
  let option: String
  /// Empty for a switch that is off, "" for one that is on.
  let values: [String]
  let source: Source

  /// The positional of commands that take a model, as a member of the file and as QUIRE_MODEL.
  static let positional = "--model"
  var isPositional: Bool { option == Self.positional }

  /// The option as the user wrote it.
  var spelling: String {
    switch source {
    case .variable(let name): name
    case .file(let path, let position): "\(path), \(position): \(option.dropFirst(2))"
    }
  }

  /// "port and slots from serve.json5, threads from QUIRE_THREADS"; no values, because some are secret.
  static func summary(_ settings: [Setting]) -> String {
    var names: [String: [String]] = [:]
    var order: [String] = []
    for setting in settings {
      let origin =
        switch setting.source {
        case .variable(let name): name
        case .file(let path, _): path
        }
      if names[origin] == nil { order.append(origin) }
      names[origin, default: []].append(String(setting.option.dropFirst(2)))
    }
    return order.map { "\((names[$0] ?? []).joined(separator: ", ")) from \($0)" }.joined(separator: "; ")
  }
}

extension Command {
  /// Whether options, and the one positional MODEL, may also come from variables and from a file.
  var isConfigurable: Bool { options.contains { $0.name == Option.config.name } }

  /// The option with this name without dashes, as files and variables have it: "port"; for "model" the positional.
  func configurableOption(_ name: String) -> Option? {
    let known = "--" + name
    if known == Setting.positional { return Option(Setting.positional, "FILE", "") }
    return options.first { $0.name == known }
  }

  /// All names that ``configurableOption(_:)`` finds.
  var configurableNames: [String] {
    ([Setting.positional] + options.map(\.name)).map { String($0.dropFirst(2)) }
  }
}
