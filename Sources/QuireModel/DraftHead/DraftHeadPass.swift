package import QuireTensors

/// Runs a draft head on batches of rows. All memory is planned at creation; `run` allocates nothing.
///
/// A head has one layer, so the keys and values of a row depend on its own input only: rows that are not drafted from cost
/// no more than those. Queries, attention and everything after it are computed for `batch.logitRows` alone.
///
///     let pass = DraftHeadPass(head, embedding: model.embedding, cache: cache, compute: compute, maximumRows: 256)
///     let logits = pass.run(batch, from: .features(rows))    // after known tokens
///     let next = pass.run(chain, from: .outputs([0]))        // after the drafts of the run before
// Unchecked: used by one thread at a time; inside a region each thread of the team touches its own rows and heads.
package final class DraftHeadPass: @unchecked Sendable {
  /// What stands beside the embeddings of a batch.
  package enum Source {
    /// The target's features, (row, feature, target hidden).
    case features(UnsafePointer<Float>)
    /// The head's own outputs of these logit rows of the run before.
    case outputs([Int])
  }

  package let head: DraftHead
  package let maximumRows: Int
  package let maximumLogitRows: Int
  /// Floats of the features of a row.
  package let featureWidth: Int
  let compute: Compute
  package let cache: KeyValueCache
  let embedding: WeightMatrix
  let workspace: DraftHeadWorkspace
  let rotary: RotaryEmbedding
  let plan: AttentionPlan
  /// The rows whose queries are computed, one in each slice.
  var queryBatch = ForwardBatch(tokens: [], sequences: [], logitRows: [])

  /// - Parameters:
  ///   - embedding: the target's, for a head without its own
  ///   - cache: the head's own, made for `head.configuration.model`
  ///   - maximumRows: the most rows of a batch
  ///   - maximumLogitRows: the most rows of a batch that are drafted from
  package init(
    _ head: DraftHead, embedding: WeightMatrix, cache: KeyValueCache, compute: Compute, maximumRows: Int,
    maximumLogitRows: Int
  ) {
    let configuration = head.configuration
    self.head = head
    self.cache = cache
    self.compute = compute
    self.maximumRows = maximumRows
    self.maximumLogitRows = maximumLogitRows
    self.embedding = head.embedding ?? embedding
    featureWidth = DraftHeadConfiguration.featureCount * configuration.targetHiddenSize
    workspace = DraftHeadWorkspace(
      configuration, maximumRows: maximumRows, maximumLogitRows: maximumLogitRows)
    rotary = RotaryEmbedding(configuration.model.rope, headSize: configuration.model.headSize)
    plan = AttentionPlan(
      maximumRows: maximumLogitRows, configuration: configuration.model,
      threadCount: compute.team.threadCount)
    queryBatch.tokens.reserveCapacity(maximumLogitRows)
    queryBatch.sequences.reserveCapacity(maximumLogitRows)
  }

  var model: ModelConfiguration { head.configuration.model }

  /// Runs the batch, stores its keys and values in the cache, and returns the logits of `batch.logitRows`: (logit row,
  /// draft vocabulary), valid until the next run. Row i of a sequence is token i + 1 beside the features at position i.
  @discardableResult
  package func run(_ batch: ForwardBatch, from source: Source) -> UnsafeBufferPointer<Float> {
    batch.check(rowLimit: maximumRows, blockCount: cache.blockCount)
    precondition(batch.logitRows.count <= maximumLogitRows, "more logit rows than planned")
    setHidden(batch, source)
    prepareRows(batch)
    multiplyKeysAndValues(batch)
    storeRows(batch)
    if !batch.logitRows.isEmpty {
      gatherQueries(batch)
      attend()
      runMLP()
    }
    queryBatch.sequences.removeAll(keepingCapacity: true)
    return UnsafeBufferPointer(
      start: workspace.logits.pointer, count: batch.logitRows.count * model.vocabularySize)
  }
}
