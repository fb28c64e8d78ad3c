package import QuireTensors

/// The keys and values of all sequences, in blocks of 32 positions.
///
/// A block id means the same block in every layer. All layers of a block are adjacent in memory, so the system provides
/// new pages a block at a time: if each layer had a buffer of its own, all of them would reach their next huge page in
/// the same step, and that step would take many times as long. Pruned layers have fewer KV heads, so the parts of a
/// block differ in size; the kernels define the contents of a KV head's part (`blocks.h`).
///
/// The scheduler decides which sequence owns which block; the cache only holds the numbers.
package final class KeyValueCache: Sendable {
  package static let blockSize = Kernels.keyValueBlockSize

  package let blockCount: Int
  package let element: KeyValueElement
  let headSize: Int
  let layers: [Storage]
  private let blocks: HostBuffer<UInt8>  // (block, layer, keys and then values, KV head, …)

  /// One layer's keys and values.
  struct Storage: Sendable {
    let keyValueHeadCount: Int
    /// Bytes from one block to the next.
    let blockStride: Int
    /// Bytes of one block of a head.
    fileprivate let headBytes: Int
    fileprivate let blocks: HostBuffer<UInt8>
    /// Bytes from the beginning of a block to the layer's part.
    fileprivate let firstByte: Int
  }

  /// Zeroed storage of `blockCount` blocks for every layer; pages that are never used cost no memory.
  package init(_ configuration: ModelConfiguration, blockCount: Int, element: KeyValueElement) {
    precondition(element.holds(headSize: configuration.headSize), "\(element) cannot hold these heads")
    self.blockCount = blockCount
    self.element = element
    headSize = configuration.headSize
    let stride = Self.blockBytes(configuration, element: element)
    let blocks = HostBuffer<UInt8>(count: blockCount * stride)
    var firstByte = 0
    layers = configuration.layers.map { layer in
      defer { firstByte += 2 * Self.blockBytes(layer, headSize: configuration.headSize, element: element) }
      return Storage(
        keyValueHeadCount: layer.keyValueHeadCount, blockStride: stride,
        headBytes: element.blockBytes(headSize: configuration.headSize), blocks: blocks, firstByte: firstByte)
    }
    self.blocks = blocks
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
  package var byteCount: Int { blocks.byteCount }

  /// Takes the memory of the first blocks, at most `byteCount` bytes of them, from the system now.
  package func populate(blockCount count: Int, byteCount: Int) {
    guard let stride = layers.first?.blockStride, stride > 0 else { return }
    blocks.populate(byteCount: min(count, blockCount, byteCount / stride) * stride)
  }

  /// Bytes of one block's keys in one layer.
  private static func blockBytes(_ layer: LayerShape, headSize: Int, element: KeyValueElement) -> Int {
    layer.keyValueHeadCount * element.blockBytes(headSize: headSize)
  }
}

extension KeyValueCache.Storage {
  /// The keys of KV head `head` in block `block`.
  func keys(block: Int, head: Int) -> UnsafeMutablePointer<UInt8> {
    blocks.pointer + block * blockStride + firstByte + head * headBytes
  }

  /// The values of KV head `head` in block `block`.
  func values(block: Int, head: Int) -> UnsafeMutablePointer<UInt8> {
    keys(block: block, head: keyValueHeadCount + head)
  }
}
