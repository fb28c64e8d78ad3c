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
    model["vocab"] = .object(
      JSONObject(
        uniqueMembers: texts.enumerated().map { JSONObject.Member(key: $0.element, value: .int($0.offset)) }))
    model["merges"] = .array(
      merges.map { .array([.string(texts[Int($0.left)]), .string(texts[Int($0.right)])]) })
    root["model"] = .object(model)
    return .object(root)
  }
}
