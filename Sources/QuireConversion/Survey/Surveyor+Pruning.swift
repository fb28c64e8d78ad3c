import QuireCalibration
import QuireModel
import QuireOptimization
import QuireTensors

// The cost of every unit that a pruning step may remove.
extension Surveyor {
  func measureHeads(
    _ settings: HeadPruningSettings, step: Int, _ layer: LayerWeights, index: Int, _ gram: GramMatrix,
    _ magnitude: (Double) -> Double
  ) throws(ConversionError) -> PruningTable.Layer {
    let pruner = LayerPruner(headSize: configuration.headSize, compute: compute)
    let pruning = HeadPruning(unit: settings.unit, shape: layer.shape, headSize: configuration.headSize)
    guard
      let found = pruning.survey(outputProjection: pruner.floats(layer.outputProjection), gram: gram.view)
    else { throw .optimization(.notFinite(what: "the attention output of layer \(index)")) }
    let table = PruningTable.Layer(
      scores: found.scores, steps: found.steps, magnitude: magnitude(found.energy))
    let units = task.triesEveryUnit ? Array(table.scores.indices) : table.nearTies
    guard settings.tries, settings.removal.mayRemove(layer: index), units.count > 1 else { return table }
    for unit in units {
      var changed = layer
      do throws(OptimizationError) {
        _ = try pruner.prune(
          &changed, settings, count: 1, first: found.scores[unit].block, StreamMoments(gram: gram),
          layer: index)
      } catch {
        throw .optimization(error)
      }
      try tryLayer(changed, as: .unit(step: step, layer: index, index: unit), index: index)
    }
    return table
  }

  func measureNeurons(
    _ settings: NeuronPruningSettings, _ layer: LayerWeights, index: Int, _ gram: GramMatrix,
    _ magnitude: (Double) -> Double
  ) throws(ConversionError) -> PruningTable.Layer {
    let matrix = LayerPruner(headSize: configuration.headSize, compute: compute).floats(layer.downProjection)
    let removable = NeuronPruning.largestRemoval(group: settings.group, shape: layer.shape) / settings.group
    let groupCount = settings.removal.surveyedUnits(
      of: matrix.columns / settings.group, removable: removable)
    guard
      let found = NeuronPruning(width: matrix.columns).survey(
        group: settings.group, groupCount: groupCount, downProjection: matrix, gram: gram.view)
    else { throw .optimization(.notFinite(what: "the MLP's activations of layer \(index)")) }
    return PruningTable.Layer(steps: found.steps, magnitude: magnitude(found.energy))
  }
}
