package import QuireJSON

extension Tokenizer {
  /// tokenizer.json as a value, for packs. It equals the file that was read, except that vocabulary tokens are in order
  /// of id and merges are arrays of two.
  ///
  /// Built on each access, because storing it would take tens of megabytes.
  package var sourceJSON: JSONValue {
    guard var root = skeleton.objectValue, var model = root["model"]?.objectValue else {
      preconditionFailure("the skeleton was an object with a model when it was made")
    }
    let texts = (0..<vocabulary.count).map { ByteAlphabet.text(of: vocabulary[$0]) }
    var members = texts.enumerated().filter { !$0.element.isEmpty }.map { ($0.offset, $0.element) }
    members += addedTokens.filter { listedIDs.contains($0.id) }
      .map { ($0.id, String(decoding: $0.content, as: UTF8.self)) }
    model["vocab"] = .object(
      JSONObject(
        uniqueMembers: members.sorted { $0.0 < $1.0 }.map { JSONObject.Member(key: $0.1, value: .int($0.0)) })
    )
    model["merges"] = .array(
      merges.map { .array([.string(texts[Int($0.left)]), .string(texts[Int($0.right)])]) })
    root["model"] = .object(model)
    return .object(root)
  }
}
