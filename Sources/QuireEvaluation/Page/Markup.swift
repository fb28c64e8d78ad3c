/// A part of an HTML page. Text and attributes are escaped when they are written, so that nothing that comes from a
/// model, a file or a path can become markup.
indirect enum Markup {
  case text(String)
  case element(String, [(String, String)], [Markup])
  /// Style rules of the program; nothing from outside.
  case style(StaticString)

  /// An element with attributes; the names are the program's.
  static func tag(_ name: StaticString, _ attributes: [(String, String)] = [], _ children: Markup...)
    -> Markup
  {
    .element("\(name)", attributes, children)
  }

  static func tag(_ name: StaticString, _ attributes: [(String, String)] = [], _ children: [Markup]) -> Markup
  {
    .element("\(name)", attributes, children)
  }

  /// An element with only text in it.
  static func tag(_ name: StaticString, _ attributes: [(String, String)] = [], _ text: String) -> Markup {
    .element("\(name)", attributes, [.text(text)])
  }

  var html: String {
    var text = ""
    write(to: &text)
    return text
  }

  private static let withoutEnd: Set<String> = ["meta", "br", "hr", "circle", "line", "path", "rect"]

  private func write(to output: inout String) {
    switch self {
    case .text(let text): output += Self.escaped(text)
    case .style(let rules): output += "<style>\(rules)</style>"
    case .element(let name, let attributes, let children):
      output += "<" + name
      for (key, value) in attributes { output += " \(key)=\"\(Self.escaped(value))\"" }
      output += ">"
      if Self.withoutEnd.contains(name), children.isEmpty {
        // In SVG an empty element needs an end; HTML's parser ignores the slash.
        if !["meta", "br", "hr"].contains(name) { output += "</\(name)>" }
        return
      }
      for child in children { child.write(to: &output) }
      output += "</\(name)>"
      if ["p", "tr", "h2", "section", "li", "svg", "figure", "table"].contains(name) { output += "\n" }
    }
  }

  /// The text without characters that end or begin markup, and without control and direction characters.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\n", "\t": result.unicodeScalars.append(scalar)
      case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}": result += "\u{FFFD}"
      default:
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        result.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
      }
    }
    return result
  }
}

/// A table of a page, which scrolls by itself where it is wider than the screen.
struct MarkupTable {
  private let head: Markup
  private var body: [Markup] = []

  init(_ titles: [String]) {
    head = .tag("tr", [], titles.map { .tag("th", [("scope", "col")], $0) })
  }

  /// Adds a row whose first cell is its head.
  mutating func add(_ first: Markup, _ cells: [Markup]) {
    body.append(
      .tag("tr", [], [.tag("th", [("scope", "row")], first)] + cells.map { .tag("td", [], $0) }))
  }

  mutating func add(_ first: String, _ cells: [String]) { add(.text(first), cells.map { .text($0) }) }

  var markup: Markup {
    .tag(
      "div", [("class", "wide"), ("tabindex", "0"), ("role", "region")],
      .tag("table", [], .tag("thead", [], head), .tag("tbody", [], body)))
  }
}
