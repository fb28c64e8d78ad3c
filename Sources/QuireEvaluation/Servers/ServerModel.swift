import QuireJSON
import QuireModelFiles
import QuireRemote
import QuireText

/// A server's model, found and tried out before anything is measured.
struct ServerModel {
  let server: RemoteServer
  /// The name that requests give.
  let name: String
  /// The row's name: "qwen3-8b at 127.0.0.1:8080".
  let label: String
  /// What the server's list of models says; 0 where it says nothing.
  let size: ModelSize
  /// What can be read of the prompt's tokens.
  let scoring: ServerScoring
  /// Identifies the model, as far as a server says which it is.
  let identity: String

  /// - Parameter readsLogprobs: whether log-probabilities of prompts will be asked for.
  init(
    _ source: ServerSource, tokenizer: Tokenizer, readsLogprobs: Bool
  ) throws(EvaluationError) {
    let server: RemoteServer
    let found: (name: String, entry: JSONValue)
    let scoring: ServerScoring
    do throws(RemoteError) {
      server = try RemoteServer(source.address, key: source.key, seconds: source.seconds)
      let connection = try RemoteConnection()
      found = try Self.model(source, server, connection)
      scoring =
        readsLogprobs
        ? try ServerScoring.probe(server, model: found.name, tokenizer: tokenizer, connection) : .notAsked
    } catch {
      throw .remote(error)
    }
    self.server = server
    self.scoring = scoring
    name = found.name
    label = "\(RemoteServer.printable(name)) at \(source.address.host)"
    let sizes = ["size", "n_params"].map { key in
      found.entry["meta"]?[key]?.count.value.flatMap { $0 > 0 ? $0 : nil } ?? 0
    }
    // Sizes that contradict each other say nothing.
    let isUsable = sizes[0] > 0 && sizes[1] > 0
    size =
      isUsable
      ? ModelSize(fileBytes: 0, weightBytes: sizes[0], parameterCount: sizes[1]) : ModelSize()
    // Not the time at which it was loaded, and not how it was started.
    let described = ["n_vocab", "n_embd", "n_params", "size"].map {
      found.entry["meta"]?[$0]?.serialized() ?? ""
    }
    let parts =
      [source.address.text, name, found.entry["root"]?.serialized() ?? "", scoring.fingerprint] + described
    identity = "server-" + Digest.of(parts.joined(separator: "\n"))
  }

  /// Opens every server, so that one that does not answer is known before anything is measured.
  static func open(
    _ sources: [ServerSource], _ material: EvaluationMaterial
  ) throws(EvaluationError) -> [ServerModel] {
    let asksChoices =
      material.problems.contains(where: \.kind.hasChoices)
      && material.method.tasks?.modes.contains(.nonThinking) ?? false
    var models: [ServerModel] = []
    for source in sources {
      models.append(
        try ServerModel(
          source, tokenizer: material.tokenizer, readsLogprobs: material.windows != nil || asksChoices))
    }
    return models
  }

  /// The model's name and its entry in the server's list.
  private static func model(
    _ source: ServerSource, _ server: RemoteServer, _ connection: RemoteConnection
  ) throws(RemoteError) -> (name: String, entry: JSONValue) {
    let url = "\(source.address.text)/models"
    let answer: JSONValue
    do throws(RemoteError) {
      answer = try server.send(nil, to: "models", over: connection)
    } catch {
      // A server without a list answers requests that name a model.
      guard let name = source.model, error.refusal != nil else { throw error }
      return (name, .null)
    }
    let entries = (answer["data"]?.arrayValue ?? []).filter { $0["id"]?.stringValue != nil }
    let names = entries.compactMap { $0["id"]?.stringValue }
    let shown =
      names.prefix(5).map(RemoteServer.printable).joined(separator: ", ") + (names.count > 5 ? ", …" : "")
    if let name = source.model {
      let entry = entries.first { $0["id"]?.stringValue == name }
      guard entry != nil || names.isEmpty else {
        throw .malformed(
          url, expected: "the model \(RemoteServer.printable(name)) of --server-model,",
          found: "others (\(shown))")
      }
      return (name, entry ?? .null)
    }
    guard let first = names.first, names.count == 1 else {
      throw .malformed(
        url, expected: "one model, or its name with --server-model,",
        found: names.isEmpty ? "no list of models" : "\(names.count) models (\(shown))")
    }
    return (first, entries[0])
  }
}
