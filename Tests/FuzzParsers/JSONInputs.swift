import QuireJSON
import QuireModel
import QuireConversion

/// JSON, JSON5, and what is read from them without any file.
enum JSONInputs {
  static let words = [
    "{", "}", "[", "]", "\"", "'", ":", ",", "//", "/*", "*/", "\r", "\r\n", "\u{2028}", "\u{FEFF}", "\0",
    "\\u0000",
    "\\ud800", "\\udc00", "\\x41", "\\\n", "Infinity", "NaN", "+", "-", ".", "0x", "1e", "null", "true",
    "false",
  ]
  static let recipeWords = [
    "\"steps\"", "\"name\"", "\"calibration\"", "\"step\"", "\"prune-heads\"", "\"prune-neurons\"",
    "\"quantize\"",
    "\"smooth\"", "\"budget\"", "\"scheme\"", "\"int4\"", "\"int8\"", "\"bf16\"", "\"group\"", "\"method\"",
    "\"nl4\"", "\"nl3\"",
    "\"gptq\"", "\"overrides\"", "\"match\"", "\"remove\"", "\"removeShare\"", "\"bitsPerWeight\"",
    "\"errorBudget\"", "\"nl4\"", "\"nl3\"",
    "\"sequences\"", "\"tokens\"", "\"seed\"", "\"embedding\"", "\"head\"", "\"layers\"",
  ]
  static let configurationWords = [
    "\"hidden_size\"", "\"num_hidden_layers\"", "\"num_attention_heads\"", "\"num_key_value_heads\"",
    "\"head_dim\"",
    "\"intermediate_size\"", "\"vocab_size\"", "\"rms_norm_eps\"", "\"rope_theta\"", "\"rope_scaling\"",
    "\"rope_parameters\"", "\"factor\"", "\"attention_factor\"", "\"rope_type\"", "\"yarn\"", "\"linear\"",
    "\"tie_word_embeddings\"", "\"max_position_embeddings\"", "\"torch_dtype\"", "\"quire\"", "\"layers\"",
  ]

  static func json(_ input: [UInt8]) {
    guard let value = try? JSONValue.parse(input) else { return }
    let text = value.serializedBytes()
    precondition((try? JSONValue.parse(text)) == value, "what is written reads back")
    _ = value.serializedBytes(style: .python)
    _ = value.serializedBytes(style: .pretty)
    _ = (value.intValue, value.doubleValue, value.count)
  }

  static func json5(_ input: [UInt8]) {
    guard let value = try? JSONValue.parse(input, syntax: .json5) else { return }
    precondition(
      (try? JSONValue.parse(value.serializedBytes())) == value, "what is written reads back as JSON")
  }

  static func recipe(_ input: [UInt8]) {
    do throws(ConversionError) {
      _ = try Recipe(text: input, file: "recipe")
    } catch {
      _ = error.description
    }
  }

  static func configuration(_ input: [UInt8]) {
    guard let json = try? JSONValue.parse(input) else { return }
    do throws(ModelError) {
      let configuration = try ModelConfiguration(json: json)
      _ = configuration.json.serializedBytes()
    } catch {
      _ = error.description
    }
  }
}
