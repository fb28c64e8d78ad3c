import QuireCheckpoints
package import QuireJSON
import QuireTensors

/// The division of a folder's tensors into safetensors files.
package struct ShardLayout {
  /// A file's tensors, each with the tensor of the model that it belongs to.
  package struct Shard {
    package fileprivate(set) var name = ""
    package fileprivate(set) var tensors: [(output: OutputTensor, planned: ExportedTensor)] = []
    package fileprivate(set) var byteCount = 0
  }

  /// The usual limit: file systems and downloads handle files of this size well.
  package static let shardBytesMax = 5_000_000_000

  package private(set) var shards: [Shard] = []

  /// Fills one file after the other in the model's order; the tensors of one matrix stay together.
  package init(_ tensors: [ExportedTensor], shardBytesMax: Int = shardBytesMax) {
    var shards = [Shard()]
    for planned in tensors {
      let last = shards.count - 1
      if shards[last].byteCount > 0, shards[last].byteCount + planned.byteCount > shardBytesMax {
        shards.append(Shard())
      }
      shards[shards.count - 1].tensors += planned.outputs.map { ($0, planned) }
      shards[shards.count - 1].byteCount += planned.byteCount
    }
    for index in shards.indices {
      shards[index].name = Self.name(index, of: shards.count)
      // Large elements first keep every tensor aligned, which some readers need.
      let sorted = shards[index].tensors.enumerated().sorted {
        ($1.element.output.element.byteCount, $0.offset) < ($0.element.output.element.byteCount, $1.offset)
      }
      shards[index].tensors = sorted.map(\.element)
    }
    self.shards = shards
  }

  /// "model.safetensors", or "model-00001-of-00004.safetensors".
  private static func name(_ index: Int, of count: Int) -> String {
    if count == 1 { return Checkpoint.weightsName }
    func digits(_ number: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }
    return "model-\(digits(index + 1))-of-\(digits(count)).safetensors"
  }

  /// `model.safetensors.index.json`; nil for a single file.
  package var index: JSONValue? {
    guard shards.count > 1 else { return nil }
    let entries = shards.flatMap { shard in
      shard.tensors.map { JSONObject.Member(key: $0.output.name, value: .string(shard.name)) }
    }
    let total = shards.reduce(0) { $0 + $1.byteCount }
    return [
      "metadata": ["total_size": .int(total)],
      "weight_map": .object(JSONObject(uniqueMembers: entries.sorted { $0.key < $1.key })),
    ]
  }
}
