import QuireJSON
import QuireText

/// Chat templates: whatever compiles renders a chat or refuses it.
enum TemplateInputs {
  static let words = [
    "{%", "%}", "{{", "}}", "{#", "#}", "-%}", "{%-", "for x in messages", "endfor", "if x", "endif", "else",
    "elif ",
    "set x = ", "endset", "set ns.x = ", "namespace(x=1)", "macro f(a, b=1)", "endmacro", "call(x) f()",
    "endcall",
    "filter trim", "endfilter", "raw", "endraw", "generation", "endgeneration", "break", "continue",
    "loop.index",
    "loop.last", " | tojson", " | trim", " | join(',')", " | map(attribute='role')", " | selectattr('x')",
    " | sort",
    " is string", " is defined", " is not none", " in ", " not in ", "[::-1]", "[1:]", ".items()",
    ".split(' ')",
    ".format(1)", " % ", " ~ ", " ** ", " // ", "'{:>5}'", "'\\u00e9'", "range(9)", "raise_exception('x')",
    "(", ")",
    "*x", "**x", "none", "true", "1.5", "message.content",
  ]

  private static let chat: TemplateChat = {
    var chat = TemplateChat(
      messages: [
        ["role": "system", "content": "é <|im_end|>\n"],
        ["role": "user", "content": [["type": "text", "text": "a b"]]],
        [
          "role": "assistant", "content": " x ",
          "tool_calls": [["function": ["name": "f", "arguments": ["k": [1, 2.5, nil, true]]]]],
        ],
      ], tools: [["name": "f", "parameters": [:]]])
    chat.arguments = ["x": "text", "n": 7]
    chat.specialTokens = ["bos_token": "<s>"]
    chat.addGenerationPrompt = true
    return chat
  }()

  static func template(_ input: [UInt8]) {
    do throws(TemplateFault) {
      let prompt = try ChatTemplateProgram(String(decoding: input, as: UTF8.self)).render(chat)
      precondition(prompt.text.utf8.count < 1 << 25, "a prompt stays within its limit")
    } catch {
      _ = error.description
    }
  }
}
