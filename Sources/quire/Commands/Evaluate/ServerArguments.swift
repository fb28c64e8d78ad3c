import Foundation
import QuireEvaluation
import QuireFiles
import QuireRemote

extension Arguments {
  /// The servers of an evaluation: --server with its models and keys, in their order.
  func servers() throws -> [ServerSource] {
    let addresses = all("--server")
    let names = try values("--server-model", for: addresses)
    let keyFiles = try values("--server-key-file", for: addresses)
    let seconds = try integer("--server-timeout", in: 1...86_400) ?? Self.serverSeconds
    guard !addresses.isEmpty else {
      if has("--server-timeout") { throw withoutServer("--server-timeout") }
      return []
    }
    let variable = Environment.serverKey
    if variable != nil, addresses.count > 1, keyFiles.isEmpty {
      throw UsageError(
        command,
        "QUIRE_SERVER_KEY: expected one server to send the key to, found \(addresses.count); give each its own with "
          + "--server-key-file")
    }
    return try addresses.enumerated().map { index, text in
      let address: RemoteAddress
      do throws(RemoteError) { address = try RemoteAddress(text) } catch {
        throw UsageError(command, "--server: \(error.description)")
      }
      let key = try keyFiles.isEmpty ? variable : serverKey(keyFiles[index])
      if key != nil, address.exposesKey, !has("--quiet") {
        Terminal.errorLine(
          "note: the key of \(address.host) is sent without encryption; use https:// outside a trusted network"
        )
      }
      return ServerSource(
        address: address, model: names.isEmpty || names[index] == "-" ? nil : names[index], key: key,
        seconds: seconds)
    }
  }

  private static let serverSeconds = 1800

  /// One value for each server, or none at all.
  private func values(_ option: String, for servers: [String]) throws -> [String] {
    let values = all(option)
    guard !values.isEmpty, values.count != servers.count else { return values }
    if servers.isEmpty { throw withoutServer(option) }
    throw UsageError(
      command,
      "\(option): expected one for each of the \(servers.count) servers, in their order, found \(values.count); "
        + "give - for a server that needs none")
  }

  private func withoutServer(_ option: String) -> UsageError {
    UsageError(command, "\(option): expected --server with it, found none; give the server's address")
  }

  /// The only line of a key file that is neither blank nor a comment; nil for "-".
  private func serverKey(_ path: String) throws -> String? {
    guard path != "-" else { return nil }
    let keys = try KeyFile.read(path, option: "--server-key-file")
    guard keys.count == 1 else {
      throw CommandError(
        "--server-key-file: expected one key in \(path), found \(keys.count); leave one in it")
    }
    return keys[0]
  }
}
