import QuireGeneration

/// GET /metrics: the engine's counters in Prometheus' text format, with vLLM's metric names.
enum MetricsEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    var page = MetricsPage()
    page.add(service.generator.metrics)
    exchange.respond(
      HTTPResponse(status: 200, mediaType: "text/plain; version=0.0.4; charset=utf-8", text: page.text))
  }
}

/// Writes metrics line by line.
struct MetricsPage {
  private(set) var text = ""

  mutating func add(_ metrics: EngineMetrics) {
    gauge("num_requests_running", "Requests that hold a slot.", Double(metrics.runningCount))
    gauge("num_requests_waiting", "Requests that wait for a slot.", Double(metrics.waitingCount))
    gauge(
      "kv_cache_usage_perc", "Share of the key/value cache in use, 0 to 1.",
      Double(metrics.usedBlockCount) / Double(max(1, metrics.blockCount)))
    gauge(
      "kv_cache_kept_perc", "Share of the key/value cache that is kept for later requests, 0 to 1.",
      Double(metrics.idleBlockCount) / Double(max(1, metrics.blockCount)))
    addPrefixes(metrics)
    counter("num_preemptions_total", "Requests that lost their slot.", [("", metrics.preemptionCount)])
    counter("prompt_tokens_total", "Prompt tokens processed.", [("", metrics.promptTokenCount)])
    counter("generation_tokens_total", "Tokens generated.", [("", metrics.generatedTokenCount)])
    counter(
      "computed_tokens_total", "Tokens that went through the model, recomputed ones and drafts included.",
      [("", metrics.computedTokenCount)])
    counter(
      "spec_decode_num_draft_tokens_total", "Draft tokens that went through the model.",
      [("", metrics.draftedTokenCount)])
    counter(
      "spec_decode_num_accepted_tokens_total", "Draft tokens that were accepted.",
      [("", metrics.acceptedDraftCount)])
    counter(
      "draft_tokens_total", "Draft tokens that went through the model, by source.",
      Self.bySource(model: metrics.modelDraftedTokenCount, all: metrics.draftedTokenCount))
    counter(
      "accepted_draft_tokens_total", "Draft tokens that were accepted, by source.",
      Self.bySource(model: metrics.modelAcceptedDraftCount, all: metrics.acceptedDraftCount))
    counter(
      "draft_model_tokens_total", "Tokens that went through the draft model.",
      [("", metrics.draftModelTokenCount)])
    counter("engine_steps_total", "Forward passes.", [("", metrics.stepCount)])
    counter(
      "request_success_total", "Requests that ended, by reason.",
      [
        ("{finished_reason=\"stop\"}", metrics.stopCount),
        ("{finished_reason=\"length\"}", metrics.lengthCount),
        ("{finished_reason=\"timeout\"}", metrics.timedOutCount),
        ("{finished_reason=\"abort\"}", metrics.cancelledCount),
        ("{finished_reason=\"error\"}", metrics.failedCount),
      ])
    counter(
      "admission_rejections_total", "Requests refused before they started, by reason.",
      [("{reason=\"queue_full\"}", metrics.refusedCount)])
    histogram("request_queue_time_seconds", "Time spent waiting for a slot.", metrics.queueSeconds)
    histogram("time_to_first_token_seconds", "Submission to first token.", metrics.firstTokenSeconds)
    histogram(
      "inter_token_latency_seconds", "Time between two tokens of an answer.", metrics.betweenTokensSeconds)
    histogram("e2e_request_latency_seconds", "Submission to end.", metrics.requestSeconds)
    histogram("iteration_tokens_total", "Tokens computed by a step.", metrics.stepTokens)
  }

  /// Drafts from the text are those of prompt lookup, and tokens that a request's own rules force.
  private static func bySource(model: Int, all: Int) -> [(labels: String, count: Int)] {
    [("{source=\"draft_model\"}", model), ("{source=\"text\"}", all - model)]
  }

  /// The names are vLLM's, where queries and hits count tokens.
  private mutating func addPrefixes(_ metrics: EngineMetrics) {
    counter(
      "prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.",
      [("", metrics.prefixQueryTokenCount)])
    counter(
      "prefix_cache_hits_total", "Prompt tokens found in the prefix cache.",
      [("", metrics.prefixHitTokenCount)])
    counter(
      "prefix_cache_requests_total", "Requests looked up in the prefix cache, by result.",
      [
        ("{result=\"hit\"}", metrics.prefixHitCount),
        ("{result=\"miss\"}", metrics.prefixQueryCount - metrics.prefixHitCount),
      ])
    counter(
      "prefix_cache_evicted_blocks_total", "Blocks of the prefix cache that were reused for other tokens.",
      [("", metrics.evictedBlockCount)])
  }

  private mutating func gauge(_ name: String, _ help: String, _ value: Double) {
    begin(name, help, kind: "gauge")
    text += "quire:\(name) \(value)\n"
  }

  private mutating func counter(_ name: String, _ help: String, _ values: [(labels: String, count: Int)]) {
    begin(name, help, kind: "counter")
    for value in values { text += "quire:\(name)\(value.labels) \(value.count)\n" }
  }

  private mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
    begin(name, help, kind: "histogram")
    var cumulative = 0
    for (bound, count) in zip(histogram.bounds, histogram.counts) {
      cumulative += count
      text += "quire:\(name)_bucket{le=\"\(bound)\"} \(cumulative)\n"
    }
    text += "quire:\(name)_bucket{le=\"+Inf\"} \(histogram.count)\n"
    text += "quire:\(name)_sum \(histogram.sum)\nquire:\(name)_count \(histogram.count)\n"
  }

  private mutating func begin(_ name: String, _ help: String, kind: String) {
    text += "# HELP quire:\(name) \(help)\n# TYPE quire:\(name) \(kind)\n"
  }
}
