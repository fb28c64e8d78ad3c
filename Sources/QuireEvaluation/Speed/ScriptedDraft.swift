import QuireGeneration
import QuireModel

/// What an engine needs to draft with a model or a head whose mistakes are scripted.
struct ScriptedDraft {
  let model: DraftModelParts?
  let head: DraftHeadParts?
  /// The work of all its passes so far.
  let work: () -> SpeedWork

  /// - Parameters:
  ///   - target: the target's pass, which keeps what a head reads
  ///   - text: prompt and answer, as tokens of the draft
  init(
    _ draft: EngineDraft, for target: ForwardPass, shape: EngineShape, text: [Int32], promptCount: Int,
    acceptance: Double
  ) {
    let element = EngineOptions(keyValueElement: target.cache.element).draftElement(draft.configuration)
    let compute = target.compute
    switch draft {
    case .model(let model):
      let rows = DraftModelParts.maximumRows(slots: shape.maximumSlots)
      let cache = KeyValueCache(
        model.configuration, blockCount: DraftModelParts.blockCount(shape), element: element)
      cache.fillRandomly(seed: 1, compute: compute)
      let pass = ForwardPass(
        model: model, cache: cache, compute: compute, maximumRows: rows,
        maximumLogitRows: shape.maximumSlots)
      let forward = ScriptedForward(pass, text: text, promptCount: promptCount, acceptance: acceptance)
      self.model = DraftModelParts(
        forward: forward, rowWidth: model.configuration.vocabularySize, maximumRows: rows,
        contextLength: model.configuration.contextPositions,
        assumedShare: DraftModelParts.assumedShare(model, target.model))
      head = nil
      work = { forward.work }
    case .head(let head):
      let pass = DraftHeadParts.pass(head, target: target, shape: shape, element: element, compute)
      pass.cache.fillRandomly(seed: 1, compute: compute)
      let forward = ScriptedHead(pass, text: text, promptCount: promptCount, acceptance: acceptance)
      self.head = DraftHeadParts(forward, target: target)
      model = nil
      work = { forward.work }
    }
  }
}
