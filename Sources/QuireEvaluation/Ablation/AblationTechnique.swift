package import QuireTensors

/// A technique that `quire ablate` switches off and on.
package enum AblationTechnique: String, Sendable, CaseIterable {
  /// The format of the matrices.
  case weights
  /// Removal of a KV group from every layer.
  case heads
  /// The type of keys and values in the cache.
  case cacheType = "kv-cache"
  /// Reuse of keys and values for requests that begin alike.
  case prefixCache = "prefix-cache"
  /// Requests that are computed together.
  case batching
  case threads
  /// Drafts of tokens from the text itself.
  case lookup

  package var title: String {
    switch self {
    case .weights: "weights"
    case .heads: "heads"
    case .cacheType: "KV cache"
    case .prefixCache: "prefix cache"
    case .batching: "batching"
    case .threads: "threads"
    case .lookup: "drafts"
    }
  }

  /// Whether answers may differ with it. The others must not change a bit, which the ablation checks.
  package var mayChangeAnswers: Bool {
    switch self {
    case .weights, .heads, .cacheType: true
    case .prefixCache, .batching, .threads, .lookup: false
    }
  }
}

/// The format of all matrices in one variant.
package enum AblationWeights: String, Sendable, CaseIterable {
  /// As the file has them.
  case stored
  case float32, bf16, int8, nl4, int4
}

/// How requests are computed together.
package enum AblationBatching: String, Sendable, CaseIterable {
  /// One request after the other.
  case single
  /// As many as there are slots; the next group begins when all answers of the last one are complete.
  case groups
  /// A waiting request begins as soon as an answer is complete.
  case continuous
}

/// One state of a technique.
package enum AblationLevel: Hashable, Sendable {
  case weights(AblationWeights)
  case heads(isPruned: Bool)
  case cacheType(KeyValueElement)
  case prefixCache(Bool)
  case batching(AblationBatching)
  case threads(Int)
  case lookup(Bool)

  package var title: String {
    switch self {
    case .weights(.stored): "as stored"
    case .weights(let weights): weights.rawValue
    case .heads(let isPruned): isPruned ? "one KV group less" : "all"
    case .cacheType(let element): element.rawValue
    case .prefixCache(let isOn), .lookup(let isOn): isOn ? "on" : "off"
    case .batching(.single): "one at a time"
    case .batching(let batching): batching.rawValue
    case .threads(let count): "\(count)"
    }
  }
}

/// The state of every technique.
package struct AblationSetting: Hashable, Sendable {
  package var weights = AblationWeights.stored
  package var isPruned = false
  package var cacheType = KeyValueElement.int8
  package var keepsPrefixes = true
  package var batching = AblationBatching.continuous
  package var threadCount = 1
  package var drafts = true

  package func with(_ level: AblationLevel) -> AblationSetting {
    var setting = self
    switch level {
    case .weights(let weights): setting.weights = weights
    case .heads(let isPruned): setting.isPruned = isPruned
    case .cacheType(let element): setting.cacheType = element
    case .prefixCache(let isOn): setting.keepsPrefixes = isOn
    case .batching(let batching): setting.batching = batching
    case .threads(let count): setting.threadCount = count
    case .lookup(let isOn): setting.drafts = isOn
    }
    return setting
  }

  /// What decides the bits of answers.
  var numerics: AblationNumerics {
    AblationNumerics(model: AblationModel(weights: weights, isPruned: isPruned), cacheType: cacheType)
  }
}

/// A model that an ablation runs.
struct AblationModel: Hashable, Sendable {
  let weights: AblationWeights
  let isPruned: Bool
}

/// What decides the bits of answers; settings that agree in it must give the same ones.
struct AblationNumerics: Hashable, Sendable {
  let model: AblationModel
  let cacheType: KeyValueElement
}
