/// The elements of a list or tuple.
///
/// Lists know how deep they nest, so that a template cannot build a value whose end would exhaust the stack.
struct TemplateList: RandomAccessCollection {
  let elements: [TemplateValue]
  /// 1 for a list of plain values.
  let depth: Int

  init(_ elements: [TemplateValue]) {
    self.elements = elements
    depth = elements.reduce(0) { Swift.max($0, $1.depth) } + 1
  }

  var startIndex: Int { 0 }
  var endIndex: Int { elements.count }
  subscript(_ index: Int) -> TemplateValue { elements[index] }
}

extension TemplateValue {
  static func list(_ elements: [TemplateValue]) -> TemplateValue { .list(TemplateList(elements)) }
  static func tuple(_ elements: [TemplateValue]) -> TemplateValue { .tuple(TemplateList(elements)) }

  /// How deep the value nests: 0 for a plain value. Namespaces are plain here; the machine holds each of them.
  var depth: Int {
    switch self {
    case .list(let list), .tuple(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    case .view(let view): view.dictionary.depth
    case .iterator(let iterator): iterator.depth
    case .loop(let loop): loop.depth
    case .function(.method(let receiver, _)): receiver.depth
    default: 0
    }
  }
}
