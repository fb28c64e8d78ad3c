import QuireJSON
import QuireText

/// Conversations, rendered by the chat formats of models with templates of their own. The control tokens of a prompt are
/// only those that its template writes.
enum TemplateChatInputs {
  private static let turn = "{{ '<|im_start|>' + m.role + '\n' }}"
  /// Different ways to read a conversation: texts or parts, calls in several forms, thoughts, documents.
  private static let templates = [
    "{% for m in messages %}\(turn){% if m.content is string %}{{ m.content.split('</think>')[-1] | trim }}"
      + "{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}"
      + "{% for c in m.tool_calls %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}<|im_end|>\n"
      + "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}",
    "{{ tools | tojson(indent=2) }}{% for m in messages %}\(turn){{ m.reasoning_content }}{{ m.content }}"
      + "{% for c in m.tool_calls %}<function={{ c.function.name }}>"
      + "{% for k, v in c.function.arguments.items() %}<parameter={{ k }}>{{ v if v is string else v | tojson }}"
      + "</parameter>{% endfor %}{% endfor %}<|im_end|>{% endfor %}{{ enable_thinking }}",
    "{% for m in messages | reject('none') %}{{ loop.index ~ m.name ~ m.tool_call_id }}"
      + "{{ m.content | default('', true) | upper | replace('<', '<|') | indent(2) }}<|im_end|>{% endfor %}"
      + "{% for d in documents %}{{ d.title ~ d }}{% endfor %}",
  ]

  private static let models: [Tokenizer] = templates.map { template in
    guard var file = Tokenizer.bytes().sourceJSON.objectValue else { preconditionFailure("no object") }
    let words = ["<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>"]
    file["added_tokens"] = .array(
      words.enumerated().map { index, word in
        [
          "id": .int(256 + index), "content": .string(word), "special": .bool(index < 2),
          "normalized": .bool(index == 2),
        ]
      })
    do {
      return try Tokenizer(tokenizer: .object(file), configuration: ["chat_template": .string(template)])
    } catch {
      preconditionFailure("a template of this file is in order: \(error)")
    }
  }

  /// The input is an array of messages, or an object with `messages`, `tools`, `documents` and variables.
  static func chat(_ input: [UInt8]) {
    guard let json = try? JSONValue.parse(input) else { return }
    for model in models {
      do throws(TextError) {
        var chat = ChatInput(messages: try ChatMessage.list(json: json["messages"] ?? json))
        chat.tools = json["tools"]?.arrayValue ?? []
        chat.documents = json["documents"]?.arrayValue ?? []
        chat.arguments = json["chat_template_kwargs"]?.objectValue ?? [:]
        check(try model.chatFormat.required().render(chat), model)
      } catch {
        _ = error.description
      }
    }
  }

  private static func check(_ prompt: ChatPrompt, _ model: Tokenizer) {
    let ids = prompt.tokens(model)
    for id in Int32(256)..<262 {
      let word = String(decoding: model.bytes(of: id), as: UTF8.self)
      let written = prompt.pieces.filter(\.isTemplate).map {
        $0.text.split(separator: word, omittingEmptySubsequences: false).count - 1
      }
      precondition(ids.count { $0 == id } <= written.reduce(0, +), "only the template writes control tokens")
    }
  }
}
