/// A token of a template's source.
struct TemplateToken {
  enum Kind: Equatable {
    /// Text outside of tags.
    case data(TemplateText)
    case blockStart, blockEnd, printStart, printEnd
    case name(String)
    case string(String)
    case int(Int)
    case float(Double)
    /// An operator or bracket, by its characters.
    case symbol(String)
    case end

    static func == (left: Kind, right: Kind) -> Bool {
      switch (left, right) {
      case (.data(let left), .data(let right)): left.bytes == right.bytes
      case (.blockStart, .blockStart), (.blockEnd, .blockEnd), (.printStart, .printStart),
        (.printEnd, .printEnd), (.end, .end):
        true
      case (.name(let left), .name(let right)), (.string(let left), .string(let right)),
        (.symbol(let left), .symbol(let right)):
        left == right
      case (.int(let left), .int(let right)): left == right
      case (.float(let left), .float(let right)): left == right
      default: false
      }
    }

    /// For messages.
    var description: String {
      switch self {
      case .data: "text"
      case .blockStart: "the start of a statement"
      case .blockEnd: "the end of the statement"
      case .printStart: "the start of a print"
      case .printEnd: "the end of the print"
      case .name(let name): "'\(name)'"
      case .string: "a string"
      case .int, .float: "a number"
      case .symbol(let symbol): "'\(symbol)'"
      case .end: "the end of the template"
      }
    }
  }

  let kind: Kind
  /// Byte offset in the source.
  let offset: Int
}
