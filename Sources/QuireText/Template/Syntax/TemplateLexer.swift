/// Cuts a template's source into tokens, with Jinja's white space rules under `trim_blocks` and `lstrip_blocks`:
///
/// 1. A line feed right after a block or comment is dropped; `+%}` keeps it.
/// 2. White space between the start of a line and a block or comment is dropped; `{%+` keeps it.
/// 3. `-` drops all white space on its side.
/// 4. One line feed at the end of the source is dropped.
struct TemplateLexer {
  let source: [UInt8]
  var offset = 0
  var tokens: [TemplateToken] = []
  /// Closing brackets that are still missing; while there are any, the end of a tag is an operator.
  private var brackets: [UInt8] = []
  /// Whether the last match ended with a line feed; true at the start.
  private var startsLine = true

  /// The tokens of a source whose line ends are line feeds.
  static func tokens(_ source: [UInt8]) throws(TemplateFault) -> [TemplateToken] {
    var lexer = TemplateLexer(source: source)
    do throws(TemplateFault) {
      try lexer.run()
    } catch {
      throw error.located(at: lexer.offset, in: source)
    }
    return lexer.tokens
  }

  /// A source with line feeds as line ends, without one at its end.
  static func normalized(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if byte == 0x0A && previous == 0x0D {
        // The carriage return has become the line feed already.
      } else {
        bytes.append(byte == 0x0D ? 0x0A : byte)
      }
      previous = byte
    }
    if bytes.last == 0x0A { bytes.removeLast() }
    return bytes
  }

  private init(source: [UInt8]) { self.source = source }

  private enum Tag { case comment, block, print, raw(end: Int) }

  private mutating func run() throws(TemplateFault) {
    while offset < source.count {
      guard let (start, tag) = nextTag(from: offset) else {
        addData(offset..<source.count)
        offset = source.count
        break
      }
      var end = start + 2
      let sign = sign(at: end)
      if sign != nil { end += 1 }
      let isPrint = if case .print = tag { true } else { false }
      addData(offset..<dataEnd(offset..<start, sign: sign, isPrint: isPrint))
      offset = end
      startsLine = false
      switch tag {
      case .comment: try skipComment(from: start)
      case .block:
        add(.blockStart, start)
        try lexTag(isPrint: false)
      case .print:
        add(.printStart, start)
        try lexTag(isPrint: true)
      case .raw(let bodyStart):
        offset = bodyStart
        startsLine = bodyStart > 0 && source[bodyStart - 1] == 0x0A
        try lexRaw(from: start)
      }
    }
    add(.end, source.count)
  }

  mutating func add(_ kind: TemplateToken.Kind, _ start: Int) {
    tokens.append(TemplateToken(kind: kind, offset: start))
  }

  private mutating func addData(_ range: Range<Int>) {
    if range.isEmpty { return }
    add(.data(TemplateText(bytes: Array(source[range]), origin: .template)), range.lowerBound)
  }

  /// The end of text before a tag, without the white space that the tag drops.
  private func dataEnd(_ range: Range<Int>, sign: UInt8?, isPrint: Bool) -> Int {
    let text = TemplateText(bytes: Array(source[range]), origin: .template)
    if sign == UInt8(ascii: "-") {
      return range.lowerBound + text.rangeWithoutSpace(left: false, right: true).upperBound
    }
    if sign == UInt8(ascii: "+") || isPrint { return range.upperBound }
    let lineStart = text.bytes.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    guard lineStart > 0 || startsLine else { return range.upperBound }
    let rest = text[lineStart..<text.bytes.count]
    return rest.rangeWithoutSpace(left: true, right: false).isEmpty
      ? range.lowerBound + lineStart : range.upperBound
  }

  private func nextTag(from start: Int) -> (Int, Tag)? {
    var index = start
    while index + 1 < source.count {
      if source[index] == UInt8(ascii: "{") {
        switch source[index + 1] {
        case UInt8(ascii: "#"): return (index, .comment)
        case UInt8(ascii: "{"): return (index, .print)
        case UInt8(ascii: "%"): return (index, rawBody(at: index).map { .raw(end: $0) } ?? .block)
        default: break
        }
      }
      index += 1
    }
    return nil
  }

  func sign(at index: Int) -> UInt8? {
    index < source.count && (source[index] == UInt8(ascii: "-") || source[index] == UInt8(ascii: "+"))
      ? source[index] : nil
  }

  func endOfSpace(from start: Int) -> Int {
    var index = start
    while index < source.count {
      let width = spaceWidth(at: index)
      if width == 0 { break }
      index += width
    }
    return index
  }

  private func spaceWidth(at index: Int) -> Int {
    let byte = source[index]
    if byte < 0x80 { return (0x09...0x0D).contains(byte) || (0x1C...0x20).contains(byte) ? 1 : 0 }
    return TemplateText(bytes: Array(source[index..<min(index + 4, source.count)]), origin: .template)
      .spaceWidth(at: 0)
  }

  func has(_ text: String, at index: Int) -> Bool {
    index <= source.count && source[index...].starts(with: text.utf8)
  }

  /// The start of the text after `{% raw %}`, if that is what starts here.
  private func rawBody(at start: Int) -> Int? {
    var index = start + 2
    if sign(at: index) != nil { index += 1 }
    index = endOfSpace(from: index)
    guard has("raw", at: index) else { return nil }
    index = endOfSpace(from: index + 3)
    if has("-%}", at: index) { return endOfSpace(from: index + 3) }
    return has("%}", at: index) ? index + 2 : nil
  }

  private mutating func lexRaw(from start: Int) throws(TemplateFault) {
    let bodyStart = offset
    var index = bodyStart
    while index < source.count {
      if has("{%", at: index), let (sign, end) = rawEnd(at: index) {
        addData(bodyStart..<dataEnd(bodyStart..<index, sign: sign, isPrint: false))
        finish(at: end)
        return
      }
      index += 1
    }
    offset = start
    throw TemplateFault(.syntax, "a raw block without its end")
  }

  private func rawEnd(at start: Int) -> (UInt8?, Int)? {
    var index = start + 2
    let sign = sign(at: index)
    if sign != nil { index += 1 }
    index = endOfSpace(from: index)
    guard has("endraw", at: index) else { return nil }
    return blockEnd(at: endOfSpace(from: index + 6)).map { (sign, $0) }
  }

  /// The end of `%}` with the white space that it drops.
  private func blockEnd(at index: Int) -> Int? {
    if has("+%}", at: index) { return index + 3 }
    if has("-%}", at: index) { return endOfSpace(from: index + 3) }
    guard has("%}", at: index) else { return nil }
    return has("\n", at: index + 2) ? index + 3 : index + 2
  }

  private mutating func skipComment(from start: Int) throws(TemplateFault) {
    while offset + 1 < source.count {
      if has("+#}", at: offset) { return finish(at: offset + 3) }
      if has("-#}", at: offset) { return finish(at: endOfSpace(from: offset + 3)) }
      if has("#}", at: offset) { return finish(at: has("\n", at: offset + 2) ? offset + 3 : offset + 2) }
      offset += 1
    }
    offset = start
    throw TemplateFault(.syntax, "a comment without its end")
  }

  private mutating func finish(at end: Int) {
    offset = end
    startsLine = source[end - 1] == 0x0A
  }

  private mutating func lexTag(isPrint: Bool) throws(TemplateFault) {
    let start = offset
    brackets = []
    while true {
      offset = endOfSpace(from: offset)
      guard offset < source.count else {
        offset = start
        throw TemplateFault(.syntax, "a tag without its end")
      }
      if brackets.isEmpty {
        if isPrint {
          let end =
            has("-}}", at: offset) ? endOfSpace(from: offset + 3) : has("}}", at: offset) ? offset + 2 : nil
          if let end {
            add(.printEnd, offset)
            return finish(at: end)
          }
        } else if let end = blockEnd(at: offset) {
          add(.blockEnd, offset)
          return finish(at: end)
        }
      }
      try lexToken()
    }
  }

  mutating func open(_ bracket: UInt8) { brackets.append(bracket) }

  mutating func close(_ bracket: UInt8) throws(TemplateFault) {
    guard brackets.popLast() == bracket else {
      throw TemplateFault(.syntax, "a '\(Character(Unicode.Scalar(bracket)))' that closes nothing")
    }
  }
}
