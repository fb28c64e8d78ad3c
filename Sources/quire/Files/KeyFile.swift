import Foundation
import QuireFiles
import QuireServing

/// The API keys of a server: from the options. No message contains a key.
enum KeyFile {
  /// All keys, each once. Throws one sentence if a file or a key cannot be used.
  static func keys(_ arguments: Arguments) throws -> [String] {
    var keys: [String] = []
    // An empty list in a configuration file: a server that was to have keys must not be open.
    for option in ["--api-key", "--api-key-file"] where arguments.isEmptyList(option) {
      throw UsageError(
        arguments.command,
        "\(arguments.spelling(option)): expected at least one value, found an empty list; add one or leave it out"
      )
    }
    // llama-server's users separate several keys by commas.
    for value in arguments.all("--api-key") {
      keys += value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    if !keys.allSatisfy(APIKeys.canBe) {
      let found = keys.contains("") ? "an empty one" : "another one"
      throw UsageError(
        arguments.command,
        "\(arguments.spelling("--api-key")): expected \(APIKeys.kind), found \(found); correct it")
    }
    if !keys.isEmpty, let path = arguments.configurationFile(of: "--api-key") { showPermissions(of: path) }
    for path in arguments.all("--api-key-file") { keys += try read(path) }
    return Set(keys).sorted()
  }

  /// One key per line; blank lines and lines that begin with `#` are skipped.
  static func read(_ path: String, option: String = "--api-key-file") throws -> [String] {
    let bytes: [UInt8]
    do throws(TextProblem) { bytes = try TextFile.bytes(path: path) } catch {
      throw CommandError(
        "expected API keys at \(path), found \(error.description); give \(option) a file with one key per line"
      )
    }
    let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
    let keys = lines.map { $0.trimmingCharacters(in: .whitespaces) }.filter {
      !$0.isEmpty && !$0.hasPrefix("#")
    }
    guard !keys.isEmpty else {
      throw CommandError("expected at least one API key in \(path), found none; add one on a line of its own")
    }
    guard keys.allSatisfy(APIKeys.canBe) else {
      throw CommandError("expected \(APIKeys.kind) in \(path), found another one; correct it")
    }
    showPermissions(of: path)
    return keys
  }

  private static func showPermissions(of path: String) {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & 0o077 != 0 {
      showNotices(["other users may read the API keys in \(path); 'chmod 600' on it prevents that"])
    }
  }
}
