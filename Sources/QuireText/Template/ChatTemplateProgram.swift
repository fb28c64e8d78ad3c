/// A chat template in Jinja, as `transformers` runs it: compiled once, then rendered for each chat.
///
/// ```swift
/// let program = try ChatTemplateProgram(text)
/// let prompt = try program.render(chat)
/// ```
///
/// Renders exactly what `transformers` renders in its sandbox (`trim_blocks`, `lstrip_blocks`, loop controls,
/// `generation` blocks, its `tojson`), or refuses. What this interpreter does not know is refused when the template is
/// compiled, with its name and line.
///
/// The interpreter is our own because no C or C++ library of Debian runs Jinja, and because of provenance: each byte of
/// a prompt is known to come from the template or from the chat, so that a chat can not forge control tokens. See
/// ``ChatPrompt``.
package final class ChatTemplateProgram: Sendable {
  private let source: [UInt8]
  private let statements: [TemplateStatement]
  private let scope: TemplateScope
  /// The variables that a chat gives, and global functions, in the order of their indices.
  private let externalNames: [String]

  /// The longest template that is read. Published templates have up to 40,000 bytes.
  private static let byteCountMaximum = 1 << 20

  /// Compiles a template.
  package init(_ text: String) throws(TemplateFault) {
    guard text.utf8.count <= Self.byteCountMaximum else {
      throw TemplateFault(.limit, "expected a template of at most \(Self.byteCountMaximum) bytes, found more")
    }
    source = TemplateLexer.normalized(text)
    statements = try TemplateParser.statements(source)
    scope = TemplateScope()
    externalNames = TemplateScopeResolver.resolve(statements, scope)
    if let name = externalNames.first(where: TemplateGlobal.unsupportedNames.contains) {
      let token = try TemplateLexer.tokens(source).first { $0.kind == .name(name) }
      throw TemplateFault.unsupported("the function '\(name)'").located(at: token?.offset ?? 0, in: source)
    }
  }

  /// Whether the template reads a variable, such as `tools` or `enable_thinking`.
  package func reads(_ variable: String) -> Bool { externalNames.contains(variable) }

  /// The variables that the template reads, and the global functions that it calls.
  var variables: [String] { externalNames }

  /// Renders with the variables of a chat.
  func render(
    _ variables: [String: TemplateValue], clock: TemplateClock
  ) throws(TemplateFault) -> TemplateText {
    let externals = externalNames.map { name in
      variables[name] ?? TemplateGlobal(rawValue: name).map { .function(.global($0)) }
    }
    let machine = TemplateMachine(externals: externals, slotCount: scope.slotCount, clock: clock)
    defer { machine.finish() }
    machine.enter(scope)
    do throws(TemplateFault) {
      _ = try machine.run(statements)
    } catch {
      throw error.located(at: machine.position, in: source)
    }
    return machine.output.text
  }

  /// Whether a word occurs in the template.
  func contains(_ word: String) -> Bool { source[...].firstOccurrence(of: word.utf8) != nil }

  /// The texts that the template writes: outside of tags, and string literals.
  func literals() -> [TemplateText] {
    let tokens = (try? TemplateLexer.tokens(source)) ?? []
    return tokens.compactMap { token in
      switch token.kind {
      case .data(let text): text
      case .string(let text): TemplateText(template: text)
      default: nil
      }
    }
  }
}
