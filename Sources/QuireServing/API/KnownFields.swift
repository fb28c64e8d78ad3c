package import QuireJSON

/// Fields of the OpenAI API, and of what other servers added to it, that need no reading here.
///
/// The rule: a field that cannot change an answer is ignored; a field that could is either obeyed, or refused
/// unless its value asks for what happens anyway. Everything else is unknown and refused.
package enum KnownFields {
  /// Accepted with any value and without effect: book-keeping, routing and caching hints.
  package static let ignored: Set<String> = [
    "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
    "prompt_cache_retention", "request_id",
    // Qwen3's tokenizer adds no special tokens, and answers contain none.
    "add_special_tokens", "spaces_between_special_tokens",
    // A hint for speed.
    "prediction",
  ]

  /// Accepted only with values that change nothing; the sentence says why.
  package static let neutral: [(name: String, values: [JSONValue], reason: String)] = [
    ("min_tokens", [0], "answers may end at any token"),
    ("skip_special_tokens", [true], "special tokens never appear in answers"),
    ("include_stop_str_in_output", [false], "stop strings never appear in answers"),
    ("use_beam_search", [false], "beam search is not available"),
    ("length_penalty", [1], "beam search is not available"),
    ("priority", [0], "requests are served in order of arrival"),
    ("truncate_prompt_tokens", [], "prompts are never cut"),
    ("response_format", [["type": "text"]], "answers are not constrained to a format"),
    ("guided_json", [], "answers are not constrained to a format"),
    ("guided_regex", [], "answers are not constrained to a format"),
    ("guided_choice", [], "answers are not constrained to a format"),
    ("guided_grammar", [], "answers are not constrained to a format"),
    ("structured_outputs", [], "answers are not constrained to a format"),
  ]

  /// As `neutral`, for chat completions alone.
  package static let neutralInChat: [(name: String, values: [JSONValue], reason: String)] = [
    ("modalities", [["text"]], "answers are text"),
    ("audio", [], "answers are text"),
    ("verbosity", ["medium"], "the model cannot be told how much to write other than in words"),
    ("web_search_options", [], "the model has no web search"),
    ("functions", [[]], "'functions' has been replaced by 'tools'"),
    ("function_call", ["none", "auto"], "'function_call' has been replaced by 'tool_choice'"),
    ("parallel_tool_calls", [true], "the number of tool calls is up to the model"),
    ("echo", [false], "prompts are echoed by /v1/completions only"),
    ("prompt_logprobs", [], "log-probabilities of prompts are given by /v1/completions with 'echo' only"),
    ("documents", [[]], "the chat template has no place for documents"),
    ("chat_template", [], "the chat template is Qwen3's own"),
  ]

  /// As `neutral`, for text completions alone.
  package static let neutralInCompletions: [(name: String, values: [JSONValue], reason: String)] = [
    ("suffix", [""], "the model does not fill in the middle"),
    ("prompt_logprobs", [], "log-probabilities of the prompt come with 'echo' and 'logprobs'"),
    ("prompt_embeds", [], "prompts are text or token ids"),
  ]

  /// Reads all of them off a request.
  static func read(
    _ reader: inout FieldReader, alsoNeutral: [(name: String, values: [JSONValue], reason: String)]
  ) throws(ServingError) {
    reader.ignore(ignored)
    for field in neutral + alsoNeutral {
      try reader.require(field.name, isOneOf: field.values, because: field.reason)
    }
  }
}
