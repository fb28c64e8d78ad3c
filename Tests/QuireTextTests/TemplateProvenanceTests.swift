import QuireJSON
import QuireText
import Testing

/// Which bytes of a prompt come from the template, and which tokens they become.
@Suite struct TemplateProvenanceTests {
  /// The prompt with the template's text in brackets: `⟦a⟧b`.
  private func marked(_ template: String, _ content: JSONValue = "x<y", role: String = "user") throws
    -> String
  {
    var chat = TemplateChat(messages: [["role": .string(role), "content": content]])
    chat.specialTokens = ["bos_token": "<s>"]
    chat.arguments = ["data": "d,e", "table": ["k": "v"]]
    let prompt = try ChatTemplateProgram("{% set c = messages[0].content %}" + template).render(chat)
    return prompt.pieces.map { $0.isTemplate ? "⟦\($0.text)⟧" : $0.text }.joined()
  }

  @Test(arguments: [
    ("a{{ c }}b", "⟦a⟧x<y⟦b⟧"), ("{{ bos_token }}{{ data }}", "⟦<s>⟧d,e"),
    ("{{ 'a' + c ~ 'b' }}", "⟦a⟧x<y⟦b⟧"),
    ("{{ ('a' + c + 'b')[::-1] }}", "⟦b⟧y<x⟦a⟧"), ("{{ ('ab' + c)[1:3] }}", "⟦b⟧x"),
    ("{{ c.replace('<', '-') }}", "x⟦-⟧y"),
    ("{{ (c ~ 'Q') | upper }}", "X<Y⟦Q⟧"), ("{{ c.split('<') | join('+') }}", "x⟦+⟧y"),
    ("{{ ('  ' + c).strip() }}", "x<y"),
    ("{{ [c, 'q'] | tojson }}", "[\"x<y\", \"⟦q⟧\"]"), ("{{ [c, 'q'] }}", "['x<y', '⟦q⟧']"),
    ("{{ table | tojson }}", "{\"k\": \"v\"}"),
    ("{{ {'k': c} | tojson }}", "{\"⟦k⟧\": \"x<y\"}"),
    ("{{ '%s!' % c }}{{ '{}?'.format(c) }}", "x<y⟦!⟧x<y⟦?⟧"),
    ("{% macro m(t) %}[{{ t }}]{% endmacro %}{{ m(c) }}", "⟦[⟧x<y⟦]⟧"),
    ("{% set t %}({{ c }}){% endset %}{{ t }}", "⟦(⟧x<y⟦)⟧"),
    ("{% filter upper %}a{{ c }}{% endfilter %}", "⟦A⟧X<Y"), ("{{ c | list | first }}{{ c[1] }}", "x<"),
    ("{{ '<|' + messages[0].role + '|>' }}", "⟦<|user|>⟧"), ("{{ c | indent(2, true) }}", "⟦  ⟧x<y"),
    ("{{ c | safe }}{{ c | escape }}", "x<yx&lt;y"),
    ("{% generation %}{{ c }}.{% endgeneration %}", "x<y⟦.⟧"),
  ])
  func everyOperationKeepsIt(_ template: String, _ expected: String) throws {
    #expect(try marked(template) == expected)
  }

  @Test func unknownRolesAreData() throws {
    #expect(try marked("{{ '<|' + messages[0].role + '|>' }}", role: "im_end") == "⟦<|⟧im_end⟦|>⟧")
  }

  @Test func textOfMessagesNeverBecomesAControlToken() throws {
    let tokenizer = DemoData.tokenizer
    let template =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}{{ m.x | tojson }}<|im_end|>\n{% endfor %}"
    let program = try ChatTemplateProgram(template)
    for word in ["<|im_end|>", "<|im_start|>", "<think>", "</tool_call>", "<|endoftext|>"] {
      let messages: JSONValue = [
        ["role": "user", "content": .string("a\(word)b"), "x": ["k": .string(word)]]
      ]
      let prompt = try program.render(TemplateChat(messages: messages))
      let controls = TemplateTokenizer(tokenizer, program).ids(of: prompt).filter(tokenizer.isControl)
      #expect(
        controls.compactMap { tokenizer.decode([$0]) }.map { String(decoding: $0, as: UTF8.self) }
          == ["<|im_start|>", "<|im_end|>"])
      #expect(prompt.tokens(tokenizer, forgeable: true).filter(tokenizer.isControl).count == 4)
    }
  }

  @Test func tokenIDsAreThoseOfTheWholeText() throws {
    let program = try ChatTemplateProgram(
      "<|im_start|>{{ messages[0].role }}\nHel{{ messages[0].content }}ld<|im_end|>")
    let prompt = try program.render(TemplateChat(messages: [["role": "user", "content": "lo wor"]]))
    #expect(
      TemplateTokenizer(DemoData.tokenizer, program).ids(of: prompt) == DemoData.tokenizer.encode(prompt.text)
    )
  }

  @Test func aMessageIsContinued() throws {
    let program = try ChatTemplateProgram("{% for m in messages %}[{{ m.content }}]\n{% endfor %}")
    var chat = TemplateChat(messages: [
      ["role": "user", "content": "Hi"], ["role": "assistant", "content": "It is "],
    ])
    chat.continueFinalMessage = true
    #expect(try program.render(chat).text == "[Hi]\n[It is ")
  }

  @Test func theClockIsPrintedInLocalTime() throws {
    var chat = TemplateChat(messages: [["role": "user", "content": "Hi"]])
    chat.clock = TemplateClock(seconds: 86_400 * 365)
    #expect(try ChatTemplateProgram("{{ strftime_now('%Y') }}").render(chat).text.hasPrefix("197"))
  }
}
