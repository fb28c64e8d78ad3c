package import QuireTensors

/// The keys and values of all sequences, in blocks of 32 positions.
///
/// A block id means the same block in every layer. Each layer has its own storage, because pruned layers have fewer
/// KV heads. Within a layer, block b of KV head h has the number b · heads + h; the kernels define its contents
/// (`blocks.h`).
///
/// The scheduler decides which sequence owns which block; the cache only holds the numbers.
package final class KeyValueCache: Sendable {
  package static let blockSize = Kernels.keyValueBlockSize

  package let blockCount: Int
  package let element: KeyValueElement
  let headSize: Int
  let layers: [Storage]

  /// One layer's keys and values.
  struct Storage: Sendable {
    let keyValueHeadCount: Int
    let keys: HostBuffer<UInt8>  // (block, KV head, …)
    let values: HostBuffer<UInt8>  // (block, KV head, …)
  }

  /// Zeroed storage of `blockCount` blocks for every layer; pages that are never used cost no memory.
  package init(_ configuration: ModelConfiguration, blockCount: Int, element: KeyValueElement) {
    precondition(element.holds(headSize: configuration.headSize), "\(element) cannot hold these heads")
    self.blockCount = blockCount
    self.element = element
    headSize = configuration.headSize
    layers = configuration.layers.map { layer in
      let blockBytes = Self.blockBytes(layer, headSize: configuration.headSize, element: element)
      return Storage(
        keyValueHeadCount: layer.keyValueHeadCount, keys: HostBuffer(count: blockCount * blockBytes),
        values: HostBuffer(count: blockCount * blockBytes))
    }
  }

  /// The number of blocks that hold `positions` positions.
  package static func blockCount(positions: Int) -> Int { (positions + blockSize - 1) / blockSize }

  /// Bytes of one block in all layers, keys and values together.
  package static func blockBytes(_ configuration: ModelConfiguration, element: KeyValueElement) -> Int {
    configuration.layers.reduce(0) {
      $0 + 2 * blockBytes($1, headSize: configuration.headSize, element: element)
    }
  }

  /// Bytes of all blocks.
  package var byteCount: Int { layers.reduce(0) { $0 + $1.keys.byteCount + $1.values.byteCount } }

  /// Bytes of one block's keys in one layer.
  private static func blockBytes(_ layer: LayerShape, headSize: Int, element: KeyValueElement) -> Int {
    layer.keyValueHeadCount * element.blockBytes(headSize: headSize)
  }
}

extension KeyValueCache.Storage {
  /// Bytes from one block of a head to its next.
  func blockStride(headSize: Int, element: KeyValueElement) -> Int {
    keyValueHeadCount * element.blockBytes(headSize: headSize)
  }

  /// Byte offset of KV head `head` in block `block`.
  func offset(block: Int32, head: Int, headSize: Int, element: KeyValueElement) -> Int {
    (Int(block) * keyValueHeadCount + head) * element.blockBytes(headSize: headSize)
  }
}
