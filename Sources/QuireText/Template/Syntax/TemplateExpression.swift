/// An expression of a template. Offsets are bytes of the source.
indirect enum TemplateExpression: Sendable {
  case constant(TemplateConstant)
  case name(TemplateName)
  case attribute(TemplateExpression, name: TemplateText, offset: Int)
  case item(TemplateExpression, TemplateExpression, offset: Int)
  case slice(
    TemplateExpression, start: TemplateExpression?, stop: TemplateExpression?, step: TemplateExpression?,
    offset: Int)
  case call(TemplateExpression, TemplateArguments, offset: Int)
  /// The input is nil for the text of a block.
  case filter(TemplateExpression?, TemplateFilter, TemplateArguments, offset: Int)
  case test(TemplateExpression, TemplateTest, TemplateArguments, offset: Int)
  /// A filter or test of a branch that this interpreter and Jinja do not know; an error when it is reached.
  case unknown(message: String, offset: Int)
  case not(TemplateExpression)
  case and(TemplateExpression, TemplateExpression)
  case or(TemplateExpression, TemplateExpression)
  case sign(TemplateExpression, isNegative: Bool, offset: Int)
  case binary(TemplateBinary, TemplateExpression, TemplateExpression, offset: Int)
  case comparison(TemplateExpression, [(TemplateComparison, TemplateExpression)], offset: Int)
  case concatenation([TemplateExpression], offset: Int)
  case conditional(test: TemplateExpression, then: TemplateExpression, else: TemplateExpression?, offset: Int)
  case list([TemplateExpression])
  case tuple([TemplateExpression])
  case dictionary([(key: TemplateExpression, value: TemplateExpression)], offset: Int)
}

enum TemplateConstant: Sendable {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case text(TemplateText)

  var value: TemplateValue {
    switch self {
    case .none: .none
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .float(let value): .float(value)
    case .text(let text): .text(text)
    }
  }
}

enum TemplateBinary: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case remainder = "%"
  case power = "**"

  /// Python's name in messages.
  var symbol: String { self == .power ? "** or pow()" : rawValue }
}

enum TemplateComparison: String, Sendable {
  case equal = "=="
  case unequal = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case contained = "in"
  case notContained = "not in"
}

/// The arguments of a call, filter or test.
struct TemplateArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
  /// After `*` and `**`.
  var list: TemplateExpression?
  var map: TemplateExpression?

  var isEmpty: Bool { positional.isEmpty && named.isEmpty && list == nil && map == nil }
}

/// A use of a variable.
///
/// `@unchecked`: ``TemplateScopeResolver`` sets the slot before the tree is shared; it does not change afterwards.
final class TemplateName: @unchecked Sendable {
  let name: String
  let offset: Int
  var slot = TemplateSlot(depth: 0, index: 0)

  init(_ name: String, offset: Int) {
    self.name = name
    self.offset = offset
  }
}

/// Where a variable is: the number of enclosing functions to leave, and the index in that function's frame.
struct TemplateSlot: Sendable, Equatable {
  var depth: Int
  var index: Int
}
