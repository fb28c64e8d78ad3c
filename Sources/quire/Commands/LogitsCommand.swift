import Foundation
import QuireCheckpoints
import QuireFiles
import QuireModel
import QuireModelFiles
import QuireTensors

extension Command {
  static let logits = Command(
    name: "logits",
    summary:
      "Writes the logits after every token of a sequence: tensor \"logits\", float32, [tokens, vocabulary].",
    positionals: ["MODEL"],
    options: [
      Option("--tokens", "IDS", "token ids separated by commas"),
      Option("--output", "FILE", "the safetensors file to write"), .force,
      Option("--kv-cache", "TYPE", "float32 (default), float16 or int8"),
      .adapter, .parent, .threads, .quiet,
    ],
    example: "quire logits recipes/demo/checkpoint --tokens 1,2,3 --output logits.safetensors",
    stop: .ends(advice: Stop.startAgain),
    run: runLogits)
}

private func runLogits(_ arguments: Arguments) throws {
  let output = try arguments.outputPath()
  _ = try arguments.required("--tokens")
  guard let tokens = try arguments.integers("--tokens", in: 0...Int(Int32.max)), !tokens.isEmpty else {
    throw UsageError("logits", "--tokens: expected at least one token id")
  }
  let asked = try arguments.keyValueElement()
  var files = OutputGuard()
  files.reads(model: arguments.positionals[0])
  files.reads(adaptersOf: arguments)
  let source = try arguments.modelSource()
  files.reads(parentOf: source.pack)
  let replaces = arguments.has("--force")
  try files.check(output, option: "--output", replaces: replaces)
  try files.checkUnfinished(of: output, option: "--output", [.contents: .safetensors], replaces: replaces)
  let compute = try arguments.compute()
  let model = try source.model(compute.team)
  let configuration = model.configuration
  if let bad = tokens.first(where: { $0 >= configuration.vocabularySize }) {
    throw UsageError("logits", "--tokens: expected ids below \(configuration.vocabularySize), found \(bad)")
  }
  // Beyond them a rope type may compute other frequencies.
  guard tokens.count <= configuration.contextPositions else {
    throw UsageError(
      "logits",
      "--tokens: expected at most \(configuration.contextPositions) tokens, which is what the model was made for, found "
        + "\(tokens.count); give fewer")
  }
  let element = try asked?.checked(for: configuration) ?? .float32
  let blockCount = KeyValueCache.blockCount(positions: tokens.count)
  let cache = KeyValueCache(configuration, blockCount: blockCount, element: element)
  // Computing in steps limits the memory of the logits and does not change their bits.
  let stepTokens = min(tokens.count, 256)
  let pass = ForwardPass(model: model, cache: cache, compute: compute, maximumRows: stepTokens)
  let writer = try SafetensorsWriter(
    path: output,
    tensors: [.init(name: "logits", element: .float32, shape: [tokens.count, configuration.vocabularySize])])
  for begin in stride(from: 0, to: tokens.count, by: stepTokens) {
    let end = min(begin + stepTokens, tokens.count)
    let blocks = (0..<KeyValueCache.blockCount(positions: end)).map(Int32.init)
    let slice = ForwardBatch.Slice(rowCount: end - begin, firstPosition: begin, blocks: blocks)
    let logits = pass.run(
      ForwardBatch(
        tokens: tokens[begin..<end].map(Int32.init), sequences: [slice], logitRows: Array(0..<end - begin)))
    try writer.append(UnsafeRawBufferPointer(logits))
  }
  try writer.finish()
}
