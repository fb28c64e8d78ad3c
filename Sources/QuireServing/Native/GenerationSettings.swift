import QuireGeneration
import QuireJSON

/// The settings of an answer by llama-server's names, as `generation_settings` and `params` give them.
struct GenerationSettings: Sendable {
  var sampling: SamplingParameters
  /// −1: no limit but the context.
  var maximumTokens = -1
  var ignoresEndOfSequence = false
  var stopStrings: [String] = []
  var isStreamed = false
  var repeatsTimings = false
  var probabilityCount = 0
  var probabilitiesAreSampled = false

  init(sampling: SamplingParameters) {
    self.sampling = sampling
  }

  init(_ request: GenerationRequest) {
    self.init(sampling: request.sampling)
    maximumTokens = request.maximumTokens
    ignoresEndOfSequence = request.ignoresEndOfSequence
    probabilityCount = request.logprobCount ?? 0
    probabilitiesAreSampled = request.logprobSource == .sampler
  }

  /// llama-server's number for a seed that is chosen for each request.
  static let randomSeed: UInt64 = 0xFFFF_FFFF

  /// The order of this server's samplers.
  static let samplers = ["penalties", "temperature", "top_k", "top_p", "min_p"]

  /// Everything but text of the request.
  var numbers: JSONObject {
    [
      "seed": .int(sampling.seed ?? Self.randomSeed), "temperature": .float(sampling.temperature),
      "dynatemp_range": 0, "top_k": .int(sampling.topK), "top_p": .float(sampling.topP),
      "min_p": .float(sampling.minP), "top_n_sigma": -1, "xtc_probability": 0, "typical_p": 1,
      "repeat_last_n": -1, "repeat_penalty": .float(sampling.repetitionPenalty),
      "presence_penalty": .float(sampling.presencePenalty),
      "frequency_penalty": .float(sampling.frequencyPenalty),
      "dry_multiplier": 0, "mirostat": 0, "max_tokens": .int(maximumTokens),
      "n_predict": .int(maximumTokens), "n_keep": 0, "n_discard": 0,
      "ignore_eos": .bool(ignoresEndOfSequence), "stream": .bool(isStreamed),
      "n_probs": .int(probabilityCount), "min_keep": 0,
      "samplers": .array(Self.samplers.map { .string($0) }), "timings_per_token": .bool(repeatsTimings),
      "post_sampling_probs": .bool(probabilitiesAreSampled), "lora": [],
    ]
  }

  /// With text of the request. A bias of −infinity, which JSON cannot write, is `false`, as in requests.
  var json: JSONValue {
    var members = numbers
    members["stop"] = .array(stopStrings.map { .string($0) })
    members["logit_bias"] = .array(
      sampling.logitBias.sorted { $0.key < $1.key }.map { id, bias -> JSONValue in
        [.int(id), bias.isFinite ? .float(bias) : false]
      })
    return .object(members)
  }
}
