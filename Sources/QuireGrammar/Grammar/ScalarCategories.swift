extension ScalarSet {
  /// The scalars of a general category of Unicode by its short name, as `L` or `Lu`, or its long one, as
  /// `Letter` or `Uppercase_Letter`; nil when there is no such category.
  static func category(_ name: String) -> ScalarSet? {
    guard let short = longNames[name] ?? (byShortName[name] == nil ? nil : name) else { return nil }
    return byShortName[short]
  }

  /// Scalars to which this version of Unicode gives no character.
  static let unassigned = byShortName["Cn"] ?? ScalarSet([])

  /// UAX 44, table 12, but for surrogates, which no text has.
  private static let names: [(category: Unicode.GeneralCategory, short: String, long: String)] = [
    (.uppercaseLetter, "Lu", "Uppercase_Letter"), (.lowercaseLetter, "Ll", "Lowercase_Letter"),
    (.titlecaseLetter, "Lt", "Titlecase_Letter"), (.modifierLetter, "Lm", "Modifier_Letter"),
    (.otherLetter, "Lo", "Other_Letter"), (.nonspacingMark, "Mn", "Nonspacing_Mark"),
    (.spacingMark, "Mc", "Spacing_Mark"), (.enclosingMark, "Me", "Enclosing_Mark"),
    (.decimalNumber, "Nd", "Decimal_Number"), (.letterNumber, "Nl", "Letter_Number"),
    (.otherNumber, "No", "Other_Number"), (.connectorPunctuation, "Pc", "Connector_Punctuation"),
    (.dashPunctuation, "Pd", "Dash_Punctuation"), (.openPunctuation, "Ps", "Open_Punctuation"),
    (.closePunctuation, "Pe", "Close_Punctuation"), (.initialPunctuation, "Pi", "Initial_Punctuation"),
    (.finalPunctuation, "Pf", "Final_Punctuation"), (.otherPunctuation, "Po", "Other_Punctuation"),
    (.mathSymbol, "Sm", "Math_Symbol"), (.currencySymbol, "Sc", "Currency_Symbol"),
    (.modifierSymbol, "Sk", "Modifier_Symbol"), (.otherSymbol, "So", "Other_Symbol"),
    (.spaceSeparator, "Zs", "Space_Separator"), (.lineSeparator, "Zl", "Line_Separator"),
    (.paragraphSeparator, "Zp", "Paragraph_Separator"), (.control, "Cc", "Control"),
    (.format, "Cf", "Format"), (.privateUse, "Co", "Private_Use"), (.unassigned, "Cn", "Unassigned"),
  ]

  private static let longNames: [String: String] = {
    let groups = [
      "Letter": "L", "Mark": "M", "Number": "N", "Punctuation": "P", "Symbol": "S", "Separator": "Z",
      "Other": "C",
    ]
    return names.reduce(into: groups) { $0[$1.long] = $1.short }
  }()

  /// Categories, and the groups of those with the same first letter.
  private static let byShortName: [String: ScalarSet] = {
    // Ranges one after another are of different categories.
    var runs: [(category: Unicode.GeneralCategory, range: ClosedRange<UInt32>)] = []
    for value in 0...scalarMaximum {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let category = scalar.properties.generalCategory
      if let last = runs.last, last.category == category, last.range.upperBound + 1 == value {
        runs[runs.count - 1].range = last.range.lowerBound...value
      } else {
        runs.append((category, value...value))
      }
    }
    let ranges = Dictionary(grouping: runs, by: \.category).mapValues { $0.map(\.range) }
    var grouped: [String: [ClosedRange<UInt32>]] = [:]
    for (category, short, _) in names {
      grouped[short] = ranges[category] ?? []
      grouped[String(short.prefix(1)), default: []] += ranges[category] ?? []
    }
    return grouped.mapValues(ScalarSet.init(_:))
  }()
}
