import QuireJSON
import QuireText
import Testing

/// Templates that are refused: what the sentence says, and that hostile ones end.
@Suite struct TemplateFaultTests {
  private func refusal(_ template: String) -> TemplateFault? {
    do throws(TemplateFault) {
      let chat = TemplateChat(messages: [["role": "user", "content": "Hi"]])
      _ = try ChatTemplateProgram(template).render(chat)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    ("a\n {{ x | groupby('a') }}", "chat template, line 2, column 9: the filter 'groupby' is not supported"),
    ("{% include 'x' %}", "chat template, line 1, column 4: the statement 'include' is not supported"),
    ("{% for x in y recursive %}{% endfor %}", "a recursive loop is not supported"),
    ("{{ 'a'.encode() }}", "the method 'encode' is not supported"),
    ("{{ cycler('a') }}", "line 1, column 4: the function 'cycler' is not supported"),
    (
      "{{ x | frobnicate }}",
      "line 1, column 8: expected a Jinja template, found a fault: No filter named 'frobnicate'."
    ),
    ("{% if x %}", "expected elif or else or endif before the end of the template"),
    (
      "\n\n  {{ messages[0].content.name.x }}",
      "line 3, column 30: the chat cannot be rendered: 'str object' has no attribute 'name'"
    ),
    ("{{ raise_exception('Only ' ~ 5) }}", "line 1, column 19: the template refuses the chat: Only 5"),
    ("{{ '\\ud800' }}", "half of a surrogate pair is not supported"),
    ("{{ 9223372036854775807 + 1 }}", "an integer beyond 64 bits is not supported"),
    ("{{ range }}", "printing a function is not supported"),
  ])
  func namesTheFaultAndItsPosition(_ template: String, _ sentence: String) throws {
    let fault = try #require(refusal(template))
    #expect(fault.description.contains(sentence), "\(fault)")
  }

  @Test(arguments: [
    "{% for a in range(100000) %}{% for b in range(100000) %}{{ a * b }}{% endfor %}{% endfor %}",
    "{% set ns = namespace(x='a') %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for a in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for a in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1], y=[1]) %}{% for a in range(99) %}{% set ns.x = [ns.x, ns.x] %}"
      + "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ 'a' * 1000000000 }}", "{{ [0] * 1000000000 }}", "{{ ('a' * 9999999) | replace('a', 'b' * 9999999) }}",
    "{% set s = 'é' * 999999 %}{% for a in range(99999) %}{% if s is lower %}{% endif %}{% endfor %}",
    "{% set l = range(99999) | list %}{% for a in l %}{% if -1 in l %}{% endif %}{% endfor %}",
    "{% set s = ('a' * 99999) %}{% for a in range(99999) %}{% if s.rfind('a' * 9999 ~ 'b') %}{% endif %}{% endfor %}",
    "{% set ns = namespace(l=[1]) %}{% for i in range(9999) %}{% set ns.l = ns.l | map('string') %}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
  ])
  func hostileTemplatesEnd(_ template: String) throws {
    let fault = try #require(refusal(template))
    #expect(fault.kind == .limit)
  }

  @Test(arguments: ["(", "[", "{{ not ", "{% if 1 %}", "-", "1 + ", "x.", "x | trim | ", "x if y else "])
  func deepSourcesAreRefused(_ opening: String) {
    let source = String(repeating: opening, count: 20_000)
    #expect(refusal(source.hasPrefix("{") ? source : "{{ " + source + "1 }}") != nil)
  }
}
