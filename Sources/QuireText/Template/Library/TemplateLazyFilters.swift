// Filters that apply another filter or test to each element. As Python's generators they do so when an element is read.

extension TemplateMachine {
  func applyLazily(
    _ filter: TemplateFilter, to input: TemplateValue, _ values: TemplateCallValues
  ) throws(TemplateFault) -> TemplateIterator {
    var source: TemplateIterator?
    var transform: ((TemplateValue) throws(TemplateFault) -> TemplateValue?)?
    return TemplateIterator(depth: input.depth) { [unowned self] () throws(TemplateFault) in
      if !input.isTrue { return nil }
      if source == nil {
        transform = try makeTransform(filter, values)
        try charge(elementsOf: input)
        source = try input.iterate()
      }
      while let element = try source?.next() {
        try charge()
        if let result = try transform?(element) { return result }
      }
      return nil
    }
  }

  /// What becomes of an element; nil for one that is left out.
  private func makeTransform(
    _ filter: TemplateFilter, _ values: TemplateCallValues
  ) throws(TemplateFault) -> (TemplateValue) throws(TemplateFault) -> TemplateValue? {
    if filter == .map {
      let function = try mapped(values)
      return { (element) throws(TemplateFault) in try function(element) }
    }
    let isWanted = filter == .select || filter == .selectattr
    var rest = values
    var getter: (TemplateValue) throws(TemplateFault) -> TemplateValue = { (element) throws(TemplateFault) in
      element
    }
    if filter == .selectattr || filter == .rejectattr {
      guard let path = rest.positional.first else { throw .operation("Missing parameter for attribute name") }
      rest.positional.removeFirst()
      getter = try attributeGetter(path)
    }
    guard let name = rest.positional.first else {
      return { (element) throws(TemplateFault) in try getter(element).isTrue == isWanted ? element : nil }
    }
    rest.positional.removeFirst()
    let test = try namedTest(name)
    return { [unowned self, rest] (element) throws(TemplateFault) in
      try apply(test, to: try getter(element), rest) == isWanted ? element : nil
    }
  }

  private func namedTest(_ name: TemplateValue) throws(TemplateFault) -> TemplateTest {
    let string = try name.printed(work).string
    guard case .text = name, let test = TemplateTest(name: string) else {
      throw .operation("No test named '\(string)'.")
    }
    return test
  }

  private func mapped(
    _ values: TemplateCallValues
  ) throws(TemplateFault) -> (TemplateValue) throws(TemplateFault) -> TemplateValue {
    if values.positional.isEmpty, let path = values.named.first(where: { $0.name == "attribute" }) {
      let others = values.named.filter { $0.name != "attribute" && $0.name != "default" }
      if let other = others.first { throw .operation("Unexpected keyword argument '\(other.name)'") }
      let standard = values.named.first { $0.name == "default" }?.value ?? .none
      return try attributeGetter(path.value, default: standard)
    }
    guard let name = values.positional.first else { throw .operation("map requires a filter argument") }
    let string = try name.printed(work).string
    guard case .text = name, let filter = TemplateFilter(rawValue: string) else {
      if TemplateFilter.unsupportedNames.contains(string) { throw .unsupported("the filter '\(string)'") }
      throw .operation("No filter named '\(string)'.")
    }
    var rest = values
    rest.positional.removeFirst()
    return { [unowned self, rest] (element) throws(TemplateFault) in try apply(filter, to: element, rest) }
  }
}
