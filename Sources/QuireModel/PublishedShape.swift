/// The sizes of a published dense Qwen3 model, known by name.
package struct PublishedShape: Sendable {
  /// As on the command line: "qwen3-8b".
  package let name: String
  package let configuration: ModelConfiguration

  /// From the smallest to the largest.
  package static let all = [
    PublishedShape("qwen3-0.6b", hidden: 1024, layers: 28, heads: 16, intermediate: 3072, ties: true),
    PublishedShape("qwen3-1.7b", hidden: 2048, layers: 28, heads: 16, intermediate: 6144, ties: true),
    PublishedShape("qwen3-4b", hidden: 2560, layers: 36, heads: 32, intermediate: 9728, ties: true),
    PublishedShape("qwen3-8b", hidden: 4096, layers: 36, heads: 32, intermediate: 12288, ties: false),
    PublishedShape("qwen3-14b", hidden: 5120, layers: 40, heads: 40, intermediate: 17408, ties: false),
    PublishedShape("qwen3-32b", hidden: 5120, layers: 64, heads: 64, intermediate: 25600, ties: false),
  ]

  /// The shape with this name; nil when there is none.
  package init?(named name: String) {
    guard let shape = Self.all.first(where: { $0.name == name }) else { return nil }
    self = shape
  }

  private init(_ name: String, hidden: Int, layers: Int, heads: Int, intermediate: Int, ties: Bool) {
    let layer = LayerShape(queryHeadCount: heads, keyValueHeadCount: 8, intermediateSize: intermediate)
    self.name = name
    configuration = ModelConfiguration(
      hiddenSize: hidden, headSize: 128, vocabularySize: 151_936, tiesEmbeddings: ties,
      beginOfSequenceID: 151_643, endOfSequenceIDs: [151_645],
      layers: Array(repeating: layer, count: layers))
  }
}
