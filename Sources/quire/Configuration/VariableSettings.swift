/// Options from environment variables: `--kv-memory` is QUIRE_KV_MEMORY, MODEL is QUIRE_MODEL.
///
/// Switches take `true` or `false`; the values of an option that may be repeated are separated by commas. An empty
/// variable counts as unset.
enum VariableSettings {
  static func settings(for command: Command) throws -> [Setting] {
    let variables = Environment.quireVariables
    return try command.configurableNames.compactMap { name in
      let variable = variable(name)
      guard let option = command.configurableOption(name), let text = variables[variable],
        !isServiceLink(variable, text)
      else { return nil }
      return Setting(
        option: option.name, values: try values(of: option, text, variable, command.name),
        source: .variable(variable))
    }
  }

  private static func values(
    of option: Command.Option, _ text: String, _ variable: String, _ command: String
  ) throws -> [String] {
    guard option.value == nil else {
      guard option.isRepeatable else { return [text] }
      let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        .map { String($0.trimmingPrefix(while: \.isWhitespace)) }
      // A variable such as "$KEY1,$KEY2" whose parts are not set must not count as no key.
      guard !parts.contains("") else {
        throw UsageError(
          command,
          "\(variable): expected values with commas between them, found an empty one; remove its comma")
      }
      return parts
    }
    switch text {
    case "true", "1": return [""]
    case "false", "0": return []
    default: throw UsageError(command, "\(variable): expected true or false, found '\(text)'")
    }
  }

  private static func variable(_ name: String) -> String {
    Environment.variablePrefix + name.uppercased().replacing("-", with: "_")
  }

  /// Reports variables with Quire's prefix that no command reads, because most of them are misspelled.
  static func showNotices(for command: String, among commands: [Command]) {
    let known =
      Environment.ownVariables
      + commands.filter(\.isConfigurable).flatMap(\.configurableNames).map(variable)
    for (name, text) in Environment.quireVariables.sorted(by: { $0.key < $1.key })
    where !known.contains(name) && !isServiceLink(name, text) {
      let advice =
        Suggestion.nearest(to: name, among: known).map { "; did you mean \($0)?" }
        ?? ", because quire reads no variable of that name"
      Terminal.errorLine("quire \(command): warning: \(name) is ignored\(advice)")
    }
  }

  /// Whether this is a variable that Kubernetes sets for each service, here one that is called quire or quire-…:
  /// QUIRE_PORT=tcp://10.0.0.1:8080, QUIRE_SERVICE_HOST, QUIRE_PORT_8080_TCP_ADDR …
  private static func isServiceLink(_ name: String, _ text: String) -> Bool {
    if name.hasSuffix("_PORT"), ["tcp://", "udp://", "sctp://"].contains(where: text.hasPrefix) {
      return true
    }
    return name.firstMatch(
      of: /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_[A-Z]+)?$/)
      != nil
  }
}
