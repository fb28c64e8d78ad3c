import QuireModel
import QuireTensors

/// The rows of a draft head's passes: the features of pending rows, and the batch of the next pass.
///
/// A row is stored when its keys and values are computed. For that it is added to the batch with its features and the token
/// after it; `store` computes the batch. A row whose next token is not known yet is pending, and only its features are kept.
final class HeadRows {
  let pass: any HeadForward
  private let target: FeatureRows
  /// Features of pending rows.
  private let pending: HostBuffer<Float>  // (slot, pending row, feature, hidden)
  /// Features of the rows of the batch.
  private let gathered: HostBuffer<Float>  // (row, feature, hidden)
  private(set) var drafted: DraftedBlocks
  var batch = ForwardBatch(tokens: [], sequences: [], logitRows: [])
  /// Rows computed so far.
  private(set) var rowCount = 0

  init(_ parts: DraftHeadParts, shape: EngineShape) {
    pass = parts.pass
    target = parts.features
    pending = HostBuffer(count: shape.maximumSlots * HeadText.pendingCapacity * pass.featureWidth)
    gathered = HostBuffer(count: pass.maximumRows * pass.featureWidth)
    drafted = DraftedBlocks(blockCount: shape.blockCount, blockSize: KeyValueCache.blockSize)
    batch.tokens.reserveCapacity(pass.maximumRows)
    batch.sequences.reserveCapacity(pass.maximumRows)
    batch.logitRows.reserveCapacity(shape.maximumSlots)
  }

  // MARK: Pending rows

  /// Keeps the features of rows of the target's batch.
  func keep(_ held: Held<HeadText>, rows: Range<Int>) {
    guard held.value.pendingCount + rows.count <= HeadText.pendingCapacity else {
      return held.value.loseRows()
    }
    for row in rows {
      pendingFeatures(held.value, held.value.pendingCount)
        .update(from: target.row(row), count: pass.featureWidth)
      held.value.notePending(1)
    }
  }

  private func pendingFeatures(_ text: HeadText, _ row: Int) -> UnsafeMutablePointer<Float> {
    pending.pointer + (text.slot * HeadText.pendingCapacity + row) * pass.featureWidth
  }

  // MARK: The batch

  /// Adds the pending rows of a text whose next tokens are known, and notes them as stored.
  func addPending(_ held: Held<HeadText>, _ tokens: [Int32]) {
    let count = held.value.readyCount(tokenCount: tokens.count)
    guard count > 0, !held.value.isIncomplete else { return }
    if batch.tokens.count + count > pass.maximumRows { store() }
    addPending(held.value, count, of: tokens)
    noteStored(held, count, of: tokens)
  }

  /// Adds the first pending rows of a text.
  func addPending(_ text: HeadText, _ count: Int, of tokens: [Int32]) {
    add(text, count, of: tokens, from: pendingFeatures(text, 0))
  }

  /// Adds rows of the target's batch, which follow those of the text that are stored, and notes them as stored.
  func add(_ held: Held<HeadText>, rows: Range<Int>, _ tokens: [Int32]) {
    var rows = rows
    while !rows.isEmpty {
      if batch.tokens.count == pass.maximumRows { store() }
      let count = min(rows.count, pass.maximumRows - batch.tokens.count)
      add(held.value, count, of: tokens, from: target.row(rows.lowerBound))
      noteStored(held, count, of: tokens)
      rows = rows.lowerBound + count..<rows.upperBound
    }
  }

  private func add(
    _ text: HeadText, _ count: Int, of tokens: [Int32], from features: UnsafePointer<Float>
  ) {
    gathered.pointer.advanced(by: batch.tokens.count * pass.featureWidth)
      .update(from: features, count: count * pass.featureWidth)
    let first = text.storedCount
    batch.tokens += tokens[first + 1..<first + 1 + count]
    batch.sequences.append(
      ForwardBatch.Slice(rowCount: count, firstPosition: first, blocks: text.blocks))
  }

  func noteStored(_ held: Held<HeadText>, _ count: Int, of tokens: [Int32]) {
    held.value.noteStored(count, of: tokens, drafted: &drafted)
  }

  // MARK: Passes

  /// Computes the keys and values of the batch, and empties it.
  func store() {
    if !batch.tokens.isEmpty { _ = run(after: nil) }
    empty()
  }

  /// Computes the batch, and returns the logits of its rows that are drafted from.
  /// - Parameter previous: for a batch of drafts, the logit row in the pass before for each; nil for known tokens
  func run(after previous: [Int]?) -> UnsafeBufferPointer<Float> {
    rowCount += batch.tokens.count
    let features = DraftHeadPass.Source.features(UnsafePointer(gathered.pointer))
    return pass.logits(of: batch, from: previous.map { .outputs($0) } ?? features)
  }

  func empty() {
    batch.tokens.removeAll(keepingCapacity: true)
    batch.sequences.removeAll(keepingCapacity: true)
    batch.logitRows.removeAll(keepingCapacity: true)
  }
}
