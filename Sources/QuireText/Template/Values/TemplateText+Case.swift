// Letter case, as Python's strings change and test it.

extension TemplateText {
  var lowercased: TemplateText { mapCase { $0[$1].pythonLowercase(at: $1, in: $0) } }
  var uppercased: TemplateText { mapCase { $0[$1].properties.uppercaseMapping } }

  /// The first character in title case, the others in lower case.
  var capitalized: TemplateText {
    mapCase { all, index in
      index == 0 ? all[0].properties.titlecaseMapping : all[index].pythonLowercase(at: index, in: all)
    }
  }

  /// Python's `str.title`: a letter after a letter is in lower case, others are in title case.
  var titled: TemplateText {
    mapCase { all, index in
      let follows = index > 0 && all[index - 1].properties.isCased
      return follows ? all[index].pythonLowercase(at: index, in: all) : all[index].properties.titlecaseMapping
    }
  }

  var swappedCase: TemplateText {
    mapCase { all, index in
      let scalar = all[index]
      if scalar.properties.isUppercase { return scalar.pythonLowercase(at: index, in: all) }
      return scalar.properties.isLowercase ? scalar.properties.uppercaseMapping : String(scalar)
    }
  }

  private func mapCase(_ transform: (_ all: [Unicode.Scalar], _ index: Int) -> String) -> TemplateText {
    mapScalars { index, all in transform(all, index) }
  }

  /// Whether there is a character, and each passes.
  func allScalars(_ passes: (Unicode.Scalar) -> Bool) -> Bool {
    !isEmpty && string.unicodeScalars.allSatisfy(passes)
  }

  var isUppercase: Bool {
    let scalars = string.unicodeScalars
    return scalars.contains { $0.properties.isUppercase }
      && !scalars.contains { $0.properties.isLowercase || $0.properties.generalCategory == .titlecaseLetter }
  }

  var isLowercase: Bool {
    let scalars = string.unicodeScalars
    return scalars.contains { $0.properties.isLowercase }
      && !scalars.contains { $0.properties.isUppercase || $0.properties.generalCategory == .titlecaseLetter }
  }
}

extension Unicode.Scalar {
  /// The lower case of a character within a text; a capital sigma at the end of a word has its own.
  func pythonLowercase(at index: Int, in all: [Unicode.Scalar]) -> String {
    guard value == 0x3A3 else { return properties.lowercaseMapping }
    let before = all[..<index].last { !$0.properties.isCaseIgnorable }
    let after = all[(index + 1)...].first { !$0.properties.isCaseIgnorable }
    let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
    return isFinal ? "\u{3C2}" : "\u{3C3}"
  }

  var isPythonAlpha: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  var isPythonDecimal: Bool { properties.numericType == .decimal }
  var isPythonDigit: Bool { properties.numericType == .decimal || properties.numericType == .digit }
  var isPythonNumeric: Bool { properties.numericType != nil }
  var isPythonAlphanumeric: Bool { isPythonAlpha || isPythonNumeric }

  /// Whether `repr` writes the character itself.
  var isPythonPrintable: Bool {
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: value == 0x20
    default: true
    }
  }
}
