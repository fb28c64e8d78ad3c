/// Reads tokens into a tree, by Jinja's grammar.
struct TemplateParser {
  private let tokens: [TemplateToken]
  private var index = 0
  /// Of statements and expressions; limited because parsing and running are recursive.
  var depth = 0
  /// Loops around the current statement within its function.
  var loopDepth = 0
  /// Whether the current statement or expression is a branch. There, Jinja reports unknown filters when it reaches them.
  var isInBranch = false

  private static let depthMaximum = 100
  static let chainMaximum = 300
  static let treeDepthMaximum = 400

  static let tooDeep = TemplateFault(
    .limit, "expected expressions nested at most \(treeDepthMaximum) deep, found a deeper one")

  static func statements(_ source: [UInt8]) throws(TemplateFault) -> [TemplateStatement] {
    var parser = TemplateParser(tokens: try TemplateLexer.tokens(source))
    do throws(TemplateFault) {
      return try parser.parseBody(until: []).body
    } catch {
      throw error.located(at: parser.current.offset, in: source)
    }
  }

  private init(tokens: [TemplateToken]) { self.tokens = tokens }

  var current: TemplateToken { tokens[min(index, tokens.count - 1)] }
  var following: TemplateToken { tokens[min(index + 1, tokens.count - 1)] }

  mutating func advance() { index += 1 }

  func fault(_ message: String) -> TemplateFault { TemplateFault(.syntax, message) }

  mutating func skip(_ kind: TemplateToken.Kind) -> Bool {
    guard current.kind == kind else { return false }
    advance()
    return true
  }

  mutating func skip(name: String) -> Bool { skip(.name(name)) }
  mutating func skip(symbol: String) -> Bool { skip(.symbol(symbol)) }

  mutating func expect(_ kind: TemplateToken.Kind) throws(TemplateFault) {
    guard current.kind == kind else {
      throw fault("expected \(kind.description), found \(current.kind.description)")
    }
    advance()
  }

  mutating func expectName() throws(TemplateFault) -> TemplateName {
    guard case .name(let name) = current.kind else {
      throw fault("expected a name, found \(current.kind.description)")
    }
    defer { advance() }
    return TemplateName(name, offset: current.offset)
  }

  func isName(_ names: String...) -> Bool {
    if case .name(let name) = current.kind { names.contains(name) } else { false }
  }

  func isSymbol(_ symbols: String...) -> Bool {
    if case .symbol(let symbol) = current.kind { symbols.contains(symbol) } else { false }
  }

  mutating func nested<Result>(
    _ body: (inout TemplateParser) throws(TemplateFault) -> Result
  ) throws(TemplateFault) -> Result {
    guard depth < Self.depthMaximum else {
      throw TemplateFault(
        .limit, "expected statements and brackets nested at most \(Self.depthMaximum) deep, found deeper ones"
      )
    }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }

  /// Statements until one of the tags in `ends`, which is consumed and returned; until the end of the source for none.
  mutating func parseBody(
    until ends: [String]
  ) throws(TemplateFault) -> (body: [TemplateStatement], end: String) {
    var body: [TemplateStatement] = []
    while true {
      switch current.kind {
      case .data(let text):
        body.append(.data(text))
        advance()
      case .printStart:
        advance()
        let offset = current.offset
        body.append(.print(try parseTuple(), offset: offset))
        try expect(.printEnd)
      case .blockStart:
        advance()
        if case .name(let name) = current.kind, ends.contains(name) {
          advance()
          return (body, name)
        }
        body += try nested { parser throws(TemplateFault) in try parser.parseStatement() }
        try expect(.blockEnd)
      case .end where ends.isEmpty: return (body, "")
      case .end: throw fault("expected \(ends.joined(separator: " or ")) before the end of the template")
      default: throw fault("found \(current.kind.description)")
      }
    }
  }

  /// The body of a statement whose head has been read. A branch passes on that it is one; other bodies are not.
  mutating func parseScoped(
    isFunction: Bool = false, isBranch: Bool = false, until ends: [String]
  ) throws(TemplateFault) -> (body: [TemplateStatement], end: String) {
    let saved = (loopDepth, isInBranch)
    defer { (loopDepth, isInBranch) = saved }
    if isFunction { loopDepth = 0 }
    isInBranch = isBranch
    _ = skip(symbol: ":")
    try expect(.blockEnd)
    return try parseBody(until: ends)
  }
}
