import QuireTensors

// The part of a pass that only rows have that are drafted from: queries, attention, MLP and logits.

extension DraftHeadPass {
  /// Their queries and residual rows, and the slices that attend.
  func gatherQueries(_ batch: ForwardBatch) {
    let width = model.hiddenSize
    var (slice, firstRow) = (0, 0)
    for (index, row) in batch.logitRows.enumerated() {
      while row >= firstRow + batch.sequences[slice].rowCount {
        firstRow += batch.sequences[slice].rowCount
        slice += 1
      }
      queryBatch.sequences.append(
        ForwardBatch.Slice(
          rowCount: 1, firstPosition: batch.sequences[slice].firstPosition + row - firstRow,
          blocks: batch.sequences[slice].blocks))
      let joined = workspace.joined.pointer + row * 2 * width
      let residual =
        head.configuration.normsBeforeResidual ? joined + width : workspace.hidden.pointer + row * width
      (workspace.outputs.pointer + index * width).update(from: residual, count: width)
      (workspace.queryInputs.pointer + index * 2 * width).update(from: joined, count: 2 * width)
    }
    if batch.logitRows.count < batch.tokens.count {
      workspace.input.set(
        rows: workspace.queryInputs.pointer, count: batch.logitRows.count, columns: 2 * width)
      compute.multiply(
        workspace.input, MatrixProduct(head.matrix(.queryProjection), into: workspace.queries.pointer))
    }
    let queryHeadCount = model.layers[0].queryHeadCount
    for (index, row) in batch.logitRows.enumerated() {
      for head in 0..<queryHeadCount {
        rotate(workspace.queries.pointer + (index * queryHeadCount + head) * model.headSize, row: row)
      }
    }
  }

  /// outputs += o_proj · attention
  func attend() {
    let layer = model.layers[0]
    plan.build(
      batch: queryBatch, shape: layer, headSize: model.headSize,
      queries: UnsafePointer(workspace.queries.pointer), outputs: workspace.attended.pointer)
    compute.team.run(with: self, pieces: plan.pieces) { pass, share, _ in
      pass.plan.attend(
        share: share, batch: pass.queryBatch, cache: pass.cache, layer: 0, kernels: pass.compute.kernels)
    }
    workspace.input.set(
      rows: workspace.attended.pointer, count: queryBatch.sequences.count,
      columns: layer.queryHeadCount * model.headSize)
    compute.multiply(
      workspace.input,
      MatrixProduct(head.matrix(.outputProjection), into: workspace.outputs.pointer, accumulates: true))
  }

  /// outputs += MLP, and the logits of their norm.
  func runMLP() {
    let count = queryBatch.sequences.count
    compute.normalize(
      workspace.outputs.pointer, count: count, weight: head.norm(.postAttentionNorm),
      epsilon: model.rmsNormEpsilon, into: workspace.normed.pointer, workspace.input,
      for: head.matrix(.gateProjection))
    compute.multiplyGated(
      workspace.input, gate: MatrixProduct(head.matrix(.gateProjection), into: workspace.gates.pointer),
      up: MatrixProduct(head.matrix(.upProjection), into: workspace.ups.pointer), into: workspace.gated,
      for: head.matrix(.downProjection), keepsRows: false)
    compute.multiply(
      workspace.gated,
      MatrixProduct(head.matrix(.downProjection), into: workspace.outputs.pointer, accumulates: true))
    compute.normalize(
      workspace.outputs.pointer, count: count, weight: head.norm(.finalNorm), epsilon: model.rmsNormEpsilon,
      into: workspace.normed.pointer, workspace.input, for: head.matrix(.head))
    compute.multiply(
      workspace.input, MatrixProduct(head.matrix(.head), into: workspace.logits.pointer))
  }
}
