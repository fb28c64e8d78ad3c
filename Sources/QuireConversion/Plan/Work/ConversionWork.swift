import QuireCalibration
package import QuireModel
import QuireOptimization
import QuireTensors

/// The work of a conversion, part by part.
package struct ConversionWork {
  package private(set) var layers: [Work]
  /// Of the embedding and lm_head, with what is done before the first layer and after the last.
  package private(set) var tables: [TensorName: Work]
  /// Before the conversion; empty for a recipe that needs none.
  package private(set) var survey: Work
  package private(set) var repair: Work

  package init(_ plan: ConversionPlan) {
    let text = plan.textWork
    let layerCount = plan.source.configuration.layerCount
    let read = Self.readBytes(plan.source, count: layerCount)
    let written = Self.layerBytes(plan.result, count: layerCount)
    layers = (0..<layerCount).map { index in
      var layer = plan.layerWork(index, plan.recipe, text)
      let withReference = plan.recipe.needsReference(after: index, layerCount: layerCount)
      let isNeeded =
        plan.calibratesHead || plan.recipe.needsActivations(after: index, layerCount: layerCount)
      layer.addSteps(advancing: isNeeded, withReference: withReference)
      if isNeeded { layer.seal(withReference: withReference) }
      var work = layer.work
      work.add(.reading, read[index])
      for part in written[index] {
        work.add(.packing, width: part.width, format: part.format, part.byteCount)
      }
      return work
    }
    tables = Self.tables(plan, text)
    survey = plan.survey.map { $0.total() } ?? Work()
    repair = plan.repairTrial.isEmpty ? Work() : plan.repairWork(text)
  }

  /// Without what an earlier run has done, as far as the run that resumes it has found that.
  func left(of plan: ConversionPlan) -> ConversionWork {
    guard let start = plan.start, start.isResumed else { return self }
    var left = self
    switch (start.work, start.found) {
    case (_, .nothing), (_, .useless): break
    case (.survey, .everything): (left.survey, left.repair) = (Work(), Work())
    case (.survey, .layers(let count)):
      left.survey = start.triedShares == nil ? plan.survey.map { $0.total(from: count) } ?? Work() : Work()
      if !plan.repairTrial.isEmpty {
        left.repair = plan.repairWork(plan.textWork, after: start.triedShares ?? 0)
      }
    case (.conversion, .layers(let count)):
      left.tables[.embedding] = nil
      for layer in layers.indices.prefix(count) { left.layers[layer] = Work() }
    case (.conversion, .everything):
      (left.layers, left.tables) = (layers.map { _ in Work() }, [:])
    }
    return left
  }

  private typealias Part = (width: Int, format: WeightFormat, byteCount: Double)

  private static func readBytes(_ stage: ConversionPlan.Stage, count: Int) -> [Double] {
    stage.tensors.reduce(into: Array(repeating: 0, count: count)) { layers, tensor in
      guard case .layer(let index, _) = tensor.name, !tensor.name.isNorm else { return }
      layers[index] += Double(tensor.readBytes)
    }
  }

  private static func layerBytes(_ stage: ConversionPlan.Stage, count: Int) -> [[Part]] {
    stage.tensors.reduce(into: Array(repeating: [], count: count)) { layers, tensor in
      guard case .layer(let index, _) = tensor.name, !tensor.name.isNorm else { return }
      layers[index].append((tensor.shape.last ?? 1, tensor.format, Double(tensor.byteCount)))
    }
  }

  private static func tables(_ plan: ConversionPlan, _ text: TextWork) -> [TensorName: Work] {
    var tables: [TensorName: Work] = [:]
    let source = Dictionary(uniqueKeysWithValues: plan.source.tensors.map { ($0.name, $0) })
    for tensor in plan.result.tensors {
      guard tensor.name == .embedding || tensor.name == .head else { continue }
      // A rotation makes a matrix of its own of an lm_head that is tied to the embedding.
      let read = source[tensor.name] ?? source[.embedding]
      let (rows, columns) = (tensor.shape[0], tensor.shape[1])
      let weights = Double(rows * columns)
      var work = Work()
      work.add(.reading, Double(read?.readBytes ?? 0))
      work.add(.packing, width: columns, format: tensor.format, Double(tensor.byteCount))
      if plan.recipe.rotation?.rotatesHiddenStates(of: plan.source.configuration) == true {
        work.add(.rotation, width: columns, weights)
      }
      if tensor.format.scheme != .bf16 {
        if tensor.name == .head, plan.calibratesHead {
          work += headWork(tensor, plan, text)
        } else {
          work.add(.rounding, width: columns, format: tensor.format, weights)
        }
      }
      tables[tensor.name] = work
    }
    let states = 4 * text.tokens * Double(plan.source.configuration.hiddenSize)
    if plan.recipe.needsCalibration {
      tables[.embedding, default: Work()].add(.syncing, (plan.recipe.needsReference ? 2 : 1) * states)
    }
    return tables
  }

  /// lm_head rounded with the statistics of its inputs.
  private static func headWork(
    _ head: ConversionPlan.PlannedTensor, _ plan: ConversionPlan, _ text: TextWork
  ) -> Work {
    guard let settings = plan.recipe.quantization else { return Work() }
    let (rows, columns) = (head.shape[0], head.shape[1])
    var work = Work()
    work.add(.gram, width: columns, text.tokens * GramMatrix.multiplyAddsPerRow(order: columns))
    guard settings.method == .gptq else {
      work.add(.rounding, width: columns, format: head.format, Double(rows * columns))
      return work
    }
    work.add(.factor, width: columns, Double(columns) * Double(columns) * Double(columns))
    work.add(.codes, width: columns, format: head.format, Double(rows * columns))
    work.add(
      .products, width: columns,
      Double(rows * columns) * Double(columns)
        * GPTQQuantizer.productsPerWeight(refitRounds: settings.refitRounds, isAimed: false))
    return work
  }
}

extension ConversionPlan {
  /// Everything whose rate the expected time depends on.
  package var workItems: Set<WorkItem> {
    let work = ConversionWork(self)
    let parts = work.layers + work.tables.values + [work.survey, work.repair]
    return parts.reduce(into: []) { $0.formUnion($1.amounts.keys) }
  }

  /// The text that runs through the layers.
  var textWork: TextWork { TextWork(windows, calibration) }

  /// Whether lm_head is rounded with statistics of its inputs.
  var calibratesHead: Bool {
    let format = result.tensors.first { $0.name == .head }?.format
    return recipe.calibratesHead(result.configuration, format)
  }

  /// Counts the work of a recipe with one layer.
  func layerWork(_ index: Int, _ recipe: Recipe, _ text: TextWork) -> LayerWork {
    LayerWork(
      index, recipe: recipe, configuration: recipe.rotatedConfiguration(source.configuration), text: text,
      targets: formats, threadCount: threadCount)
  }

  /// The trials of repair: each share prunes all layers twice, with either half of the text.
  ///
  /// - Parameter tried: so many of the shares are done
  fileprivate func repairWork(_ text: TextWork, after tried: Int = 0) -> Work {
    let configuration = source.configuration
    var work = Work()
    for share in RepairTrial.shares.dropFirst(tried) {
      let recipe = recipe.repaired(share: share)
      for index in 0..<configuration.layerCount {
        var layer = layerWork(index, recipe, text.share(0.5))
        layer.addSteps(advancing: true, withReference: true)
        work += layer.work * 2
      }
      // Logits of both models.
      let weights = Double(configuration.vocabularySize * configuration.hiddenSize)
      work.add(.answers, width: configuration.hiddenSize, 2 * answerTokens * weights)
    }
    return work
  }

  /// Tokens whose distributions the trials of repair compare.
  private var answerTokens: Double {
    guard let calibration else { return textWork.tokens }
    return Double(
      calibration.windows.reduce(0) { sum, window in
        zip(window.sequences, window.promptCounts).reduce(sum) { $0 + max(0, $1.0.count - max(1, $1.1)) }
      })
  }
}
