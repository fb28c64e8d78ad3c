import QuireTensors

/// Buffers that the samplers of an engine use in turn: the candidates of one row of logits, which the filters of
/// `Sampler` reduce. Made once; nothing is allocated while sampling.
///
/// Not thread-safe: used only on the engine's thread.
package final class SamplerWorkspace {
  /// Logits per block. A selection first compares block maxima and then reads only the blocks that it needs.
  static let blockSize = 64

  /// Maximum number of logits in a row.
  package let capacity: Int
  /// A row with bias and penalties applied.  // (capacity)
  let adjusted: UnsafeMutablePointer<Float>
  /// Largest key of each block of the last surveyed row.  // one per 64 logits, rounded up
  let blockMaxima: UnsafeMutablePointer<Int32>
  /// Candidates: token ids ascending, keys of their logits, weights (not normalized).  // (capacity) each
  let ids: UnsafeMutablePointer<Int32>
  let keys: UnsafeMutablePointer<Int32>
  let weights: UnsafeMutablePointer<Float>
  private(set) var candidateCount = 0
  private let bins: UnsafeMutablePointer<Double>
  /// Owners of the memory that the pointers point to.
  private let owners: [AnyObject]

  package init(capacity: Int) {
    precondition(capacity >= 1)
    let floats = (0..<2).map { _ in HostBuffer<Float>(count: capacity) }
    let integers = (0..<3).map { _ in HostBuffer<Int32>(count: capacity) }
    let bins = HostBuffer<Double>(count: RadixSelection.binCount)
    self.capacity = capacity
    self.adjusted = floats[0].pointer
    self.weights = floats[1].pointer
    self.blockMaxima = integers[0].pointer
    self.ids = integers[1].pointer
    self.keys = integers[2].pointer
    self.bins = bins.pointer
    self.owners = floats + integers + [bins]
  }
}

// MARK: - Surveying a row

/// The result of one pass over a row of logits.
struct LogitSurvey {
  /// Key of the largest logit.
  let maximumKey: Int32
  /// False with a NaN or a +infinity, and when every logit is −infinity: nothing can be chosen then.
  let isUsable: Bool

  var maximum: Float { OrderedKey.value(of: maximumKey) }
}

extension SamplerWorkspace {
  /// Reads every logit once and stores the maximum of each block.
  func survey(_ row: UnsafePointer<Float>, count: Int) -> LogitSurvey {
    precondition(count >= 1 && count <= capacity)
    let maxima = blockMaxima
    var maximumKey = Int32.min
    var magnitude: Int32 = 0
    var start = 0
    var block = 0
    while start < count {
      let end = min(start + Self.blockSize, count)
      var blockMaximum = Int32.min
      for index in start..<end {
        let value = row[index]
        blockMaximum = max(blockMaximum, OrderedKey.key(of: value))
        magnitude = max(magnitude, Int32(bitPattern: value.bitPattern & 0x7fff_ffff))
      }
      maxima[block] = blockMaximum
      maximumKey = max(maximumKey, blockMaximum)
      start = end
      block += 1
    }
    // As bits without the sign, NaN is larger than infinity.
    let isUsable =
      magnitude <= Int32(bitPattern: Float.infinity.bitPattern) && maximumKey < OrderedKey.infinity
      && maximumKey > OrderedKey.negativeInfinity
    return LogitSurvey(maximumKey: maximumKey, isUsable: isUsable)
  }

  /// The lowest index of a surveyed row whose logit has this key; the key must occur.
  func firstIndex(of key: Int32, in row: UnsafePointer<Float>, count: Int) -> Int {
    var block = 0
    while blockMaxima[block] < key { block += 1 }
    var index = block * Self.blockSize
    while index < count {
      if OrderedKey.key(of: row[index]) == key { return index }
      index += 1
    }
    preconditionFailure("the key is not in the row")
  }

  /// Makes candidates of every logit of the row.
  func collectAll(_ row: UnsafePointer<Float>, count: Int) {
    let (ids, keys) = (ids, keys)
    for index in 0..<count {
      ids[index] = Int32(truncatingIfNeeded: index)
      keys[index] = OrderedKey.key(of: row[index])
    }
    candidateCount = count
  }

  /// Makes candidates of the `k` largest logits of a surveyed row and of all that equal the last of them.
  ///
  /// At least k logits reach the k-th largest block maximum, so only blocks whose maximum reaches it are read: for
  /// small k about k of 2,374 blocks.
  func collectLargest(_ k: Int, of row: UnsafePointer<Float>, count: Int) {
    precondition(k >= 1)
    guard k < count else { return collectAll(row, count: count) }
    let blockCount = (count + Self.blockSize - 1) / Self.blockSize
    if k <= blockCount {
      let bound = RadixSelection.threshold(
        keys: blockMaxima, weights: nil, count: blockCount, target: Double(k), bins: bins)
      collect(row, count: count, atLeast: bound)
    } else {
      collectAll(row, count: count)
    }
    keepLargest(k)
  }

  private func collect(_ row: UnsafePointer<Float>, count: Int, atLeast bound: Int32) {
    let (ids, keys) = (ids, keys)
    let maxima = blockMaxima
    var kept = 0
    for block in 0..<(count + Self.blockSize - 1) / Self.blockSize where maxima[block] >= bound {
      for index in block * Self.blockSize..<min((block + 1) * Self.blockSize, count) {
        let key = OrderedKey.key(of: row[index])
        guard key >= bound else { continue }
        ids[kept] = Int32(truncatingIfNeeded: index)
        keys[kept] = key
        kept += 1
      }
    }
    candidateCount = kept
  }
}

// MARK: - Filtering and drawing

extension SamplerWorkspace {
  /// Gives each candidate the weight e^((logit − maximum) / temperature): 1 for the most probable.
  func weigh(maximum: Float, temperature: Float) {
    let (keys, weights, count) = (keys, weights, candidateCount)
    for index in 0..<count {
      weights[index] = Exponential.power((OrderedKey.value(of: keys[index]) - maximum) / temperature)
    }
  }

  /// Keeps the k largest candidates and all that equal the last of them. Weights are not used.
  func keepLargest(_ k: Int) {
    guard k < candidateCount else { return }
    let bound = RadixSelection.threshold(
      keys: keys, weights: nil, count: candidateCount, target: Double(k), bins: bins)
    keep { [keys] index in keys[index] >= bound }
  }

  /// Keeps the most probable candidates until their share of the total weight reaches `share` (top-p), and all that
  /// equal the last of them.
  func keepMass(_ share: Float) {
    let bound = RadixSelection.threshold(
      keys: keys, weights: weights, count: candidateCount,
      target: Double(share) * totalWeight(), bins: bins)
    keep { [keys] index in keys[index] >= bound }
  }

  /// Keeps candidates whose weight is at least this share of the most probable one's, which is 1 (min-p).
  func keepShareOfMaximum(_ share: Float) {
    keep { [weights] index in weights[index] >= share }
  }

  @inline(__always)
  private func keep(where isKept: (Int) -> Bool) {
    let (ids, keys, weights) = (ids, keys, weights)
    var kept = 0
    for index in 0..<candidateCount where isKept(index) {
      ids[kept] = ids[index]
      keys[kept] = keys[index]
      weights[kept] = weights[index]
      kept += 1
    }
    candidateCount = kept
  }

  private func totalWeight() -> Double {
    var total = 0.0
    for start in stride(from: 0, to: candidateCount, by: Self.blockSize) {
      total += Self.sum(weights + start, count: min(Self.blockSize, candidateCount - start))
    }
    return total
  }

  /// The candidate at which the cumulative weight exceeds `fraction` (0 ..< 1) of the total weight.
  func draw(_ fraction: Double) -> Int32 {
    var left = fraction * totalWeight()
    var last: Int32?
    for start in stride(from: 0, to: candidateCount, by: Self.blockSize) {
      let size = min(Self.blockSize, candidateCount - start)
      let blockWeight = Self.sum(weights + start, count: size)
      // The last block is always read, because rounding can leave a small remainder after it.
      if left >= blockWeight && start + size < candidateCount {
        left -= blockWeight
        continue
      }
      for index in start..<start + size where weights[index] > 0 {
        left -= Double(weights[index])
        last = ids[index]
        if left < 0 { break }
      }
      if last != nil { break }
    }
    return last ?? mostProbable()
  }

  private func mostProbable() -> Int32 {
    var best = 0
    for index in 1..<max(1, candidateCount) where keys[index] > keys[best] { best = index }
    return ids[best]
  }

  /// Sums a block of floats as doubles, always in the same order.
  static func sum(_ values: UnsafePointer<Float>, count: Int) -> Double {
    var sums = (0.0, 0.0, 0.0, 0.0)
    var index = 0
    while index + 4 <= count {
      sums.0 += Double(values[index])
      sums.1 += Double(values[index + 1])
      sums.2 += Double(values[index + 2])
      sums.3 += Double(values[index + 3])
      index += 4
    }
    while index < count {
      sums.0 += Double(values[index])
      index += 1
    }
    return (sums.0 + sums.1) + (sums.2 + sums.3)
  }
}
