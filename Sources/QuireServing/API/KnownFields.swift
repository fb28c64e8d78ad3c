package import QuireJSON

/// A field that the server knows but does not implement: accepted only with values that match its normal behaviour.
package struct NeutralField: Sendable {
  package let name: String
  /// Values that change nothing; if empty, the field is always refused.
  package let values: [JSONValue]
  /// Why no other value is accepted, as the end of a message.
  let reason: String

  init(_ name: String, _ values: [JSONValue], _ reason: String) {
    self.name = name
    self.values = values
    self.reason = reason
  }
}

/// Fields of the OpenAI API, and of what other servers added to it, that change nothing here.
///
/// A known field that cannot change an answer is ignored. One that could is either read elsewhere or listed here as
/// a neutral field. An unknown field is ignored and named in the answer's header (`IgnoredFields`).
package enum KnownFields {
  /// OpenAI's own bookkeeping: accepted with any value, without effect, and not reported.
  package static let ignored: Set<String> = [
    "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
    "prompt_cache_retention", "request_id",
    // Qwen3's tokenizer adds no special tokens, and answers contain none.
    "add_special_tokens", "spaces_between_special_tokens",
    // A hint that affects only speed.
    "prediction",
    // llama-server's: slots share one cache here.
    "id_slot",
  ]

  package static let neutral: [NeutralField] =
    answers + constraints + samplers + reasoning + [
      NeutralField("lora", [[]], "adapters are not supported"),
      NeutralField("lora_path", [""], "adapters are not supported"),
    ]

  /// When answers end and which parts of them are returned.
  private static let answers: [NeutralField] = [
    NeutralField("no_stop_trim", [false], "the field's name here is 'include_stop_str_in_output'"),
    NeutralField("detokenize", [true], "answers are text"),
    NeutralField("return_tokens", [false], "the field's name here is 'return_token_ids'"),
    NeutralField("return_hidden_states", [false], "hidden states are not returned"),
    NeutralField("post_sampling_probs", [false], "log-probabilities are the model's own"),
    NeutralField("t_max_predict_ms", [0, -1], "the time limit is 'max_time', in seconds"),
    NeutralField("repetition_detection", [], "answers do not end at repetitions"),
  ]

  /// Constraints in other forms than those of `ConstraintFields`.
  private static let constraints: [NeutralField] =
    [
      NeutralField("format", [""], "the field's name here is 'response_format'"),
      NeutralField("structural_tag", [], "an answer is constrained as a whole"),
      NeutralField("guided_whitespace_pattern", [], "compact, spaced and indented JSON are always allowed"),
      NeutralField("grammar_lazy", [false], "a grammar is about the whole answer"),
    ]
    + [("ban_eos_token", [false] as [JSONValue]), ("custom_token_bans", [""])]
    .map { NeutralField($0, $1, "'ignore_eos', 'logit_bias' and 'bad_words' are the ways to exclude tokens") }

  /// Ways of sampling that other servers have.
  private static let samplers: [NeutralField] =
    [
      NeutralField("do_sample", [true], "'temperature': 0 takes the most probable token"),
      NeutralField("use_beam_search", [false], "beam search is not available"),
      NeutralField("num_beams", [1], "beam search is not available"),
      NeutralField("length_penalty", [1], "beam search is not available"),
    ]
    + [
      ("mirostat", [0] as [JSONValue]), ("mirostat_mode", [0]), ("typical_p", [1]), ("tfs", [1]),
      ("tfs_z", [1]),
      ("top_a", [0]), ("top_n_sigma", [-1, 0]), ("xtc_probability", [0]), ("dry_multiplier", [0]),
      ("dynatemp_range", [0]), ("epsilon_cutoff", [0]), ("eta_cutoff", [0]), ("no_repeat_ngram_size", [0]),
      ("encoder_repetition_penalty", [1]), ("guidance_scale", [1]), ("penalty_alpha", [0]),
      ("smoothing_factor", [0]), ("min_keep", [0]), ("samplers", [[]]), ("logits_processors", [[]]),
      ("custom_logit_processor", [""]),
    ].map { NeutralField($0, $1, "this way of sampling is not available") }

  private static let reasoning: [NeutralField] =
    [
      NeutralField("separate_reasoning", [true], "the reasoning is always apart from the content"),
      NeutralField("stream_reasoning", [true], "the reasoning is streamed as it comes"),
      NeutralField(
        "reasoning_format", ["auto", "deepseek"], "the reasoning is always apart from the content"),
      NeutralField("reasoning_in_content", [false], "the reasoning is always apart from the content"),
    ]

  /// For chat completions alone.
  package static let neutralInChat: [NeutralField] = [
    NeutralField("modalities", [["text"]], "answers are text"),
    NeutralField("audio", [], "answers are text"),
    NeutralField("verbosity", ["medium"], "the length of an answer can be requested only in the prompt"),
    NeutralField("web_search_options", [], "the model has no web search"),
    NeutralField("functions", [[]], "'functions' has been replaced by 'tools'"),
    NeutralField("function_call", ["none", "auto"], "'function_call' has been replaced by 'tool_choice'"),
    NeutralField("parse_tool_calls", [true], "tool calls are always separated from the content"),
    NeutralField("system", [""], "a system prompt is a message of the role \"system\""),
  ]

  /// For text completions alone.
  package static let neutralInCompletions: [NeutralField] =
    [
      NeutralField("suffix", [""], "the model does not fill in the middle"),
      NeutralField("prompt_embeds", [], "prompts are text or token ids"),
    ]
    + ThinkingBudget.names.map {
      NeutralField($0, [-1], "reasoning is separated and limited in chats only")
    }

  static let chatShape: [String: RequestShape] = shape(neutralInChat)
  static let completionShape: [String: RequestShape] = shape(neutralInCompletions)

  private static func shape(_ own: [NeutralField]) -> [String: RequestShape] {
    .any(ignored) + .any((neutral + own).map(\.name))
  }

  /// Refuses the first neutral field whose value would change the answer.
  ///
  /// - Parameters:
  ///   - own: The endpoint's own fields, which replace those of the same name.
  ///   - read: Names of fields that the endpoint reads itself.
  static func check(
    _ reader: FieldReader, also own: [NeutralField], except read: Set<String> = []
  ) throws(ServingError) {
    let replaced = Set(own.map(\.name))
    for field in neutral.filter({ !replaced.contains($0.name) }) + own where !read.contains(field.name) {
      try reader.require(field.name, isOneOf: field.values, because: field.reason)
    }
  }
}
