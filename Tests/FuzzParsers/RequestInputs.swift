import QuireGeneration
import QuireJSON
import QuireServing
import QuireText

/// Bodies of requests to the server, and the defaults that they start from.
enum RequestInputs {
  static let words = [
    "\"messages\"", "\"role\"", "\"content\"", "\"user\"", "\"assistant\"", "\"tool\"", "\"tool_calls\"",
    "\"function\"", "\"name\"", "\"arguments\"", "\"tools\"", "\"tool_choice\"", "\"type\"", "\"text\"",
    "\"prompt\"",
    "\"max_tokens\"", "\"temperature\"", "\"top_p\"", "\"top_k\"", "\"stop\"", "\"stream\"", "\"n\"",
    "\"logprobs\"",
    "\"logit_bias\"", "\"stop_token_ids\"", "\"echo\"", "\"chat_template_kwargs\"", "\"enable_thinking\"",
    "\"reasoning_effort\"", "\"seed\"", "\"stream_options\"", "\"do_sample\"", "\"repetition_penalty\"",
    "\"response_format\"", "\"json_schema\"", "\"schema\"", "\"structured_outputs\"", "\"guided_regex\"",
    "\"guided_choice\"", "\"required\"", "\"n_predict\"", "\"n_probs\"", "\"prompt_string\"", "\"samplers\"",
    "\"response_fields\"", "\"repeat_last_n\"", "\"t_max_predict_ms\"", "\"budget_tokens\"",
    "\"thinking_budget\"", "\"min_tokens\"", "\"bad_words\"", "\"allowed_token_ids\"",
    "\"truncate_prompt_tokens\"", "\"system\"", "\"thinking\"", "\"tool_use\"", "\"tool_result\"",
    "\"input_schema\"", "\"input\"", "\"function_call\"", "\"function_call_output\"", "\"reasoning\"",
    "\"allowed_tools\"", "\"format\"",
  ]

  static func chat(_ input: [UInt8]) {
    do throws(ServingError) {
      try RequestCheck.chat(input, defaults: SamplingDefaults(), vocabularySize: 300)
    } catch {
      _ = "\(error)"
    }
  }

  static func completion(_ input: [UInt8]) {
    do throws(ServingError) {
      try RequestCheck.completion(input, defaults: SamplingDefaults(), vocabularySize: 300)
    } catch {
      _ = "\(error)"
    }
  }

  static func native(_ input: [UInt8]) {
    do throws(ServingError) {
      try RequestCheck.native(input, defaults: SamplingDefaults(), tokenizer: .bytes())
    } catch {
      _ = "\(error)"
    }
  }

  static func messages(_ input: [UInt8]) {
    do throws(ServingError) {
      try RequestCheck.messages(input, defaults: SamplingDefaults(), vocabularySize: 300)
    } catch {
      _ = "\(error)"
    }
  }

  static func responses(_ input: [UInt8]) {
    do throws(ServingError) {
      try RequestCheck.responses(input, defaults: SamplingDefaults(), vocabularySize: 300)
    } catch {
      _ = "\(error)"
    }
  }

  /// generation_config.json, whose sampling requests start from.
  static func generationConfiguration(_ input: [UInt8]) {
    guard let json = try? JSONValue.parse(input) else { return }
    do throws(GenerationError) {
      _ = try SamplingDefaults(generationConfiguration: json)
    } catch {
      _ = "\(error)"
    }
  }
}
