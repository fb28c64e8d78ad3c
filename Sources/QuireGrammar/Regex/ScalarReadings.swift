/// What languages read an escape or a class as: `\d` and `\w` are those of ASCII in ECMAScript and XGrammar, those of
/// all scripts in Python and Rust.
///
/// An answer takes what every language accepts: neither `\w` nor `\W` gives `é`, but `[\w\W]` does.
struct ScalarReadings {
  private let ascii: ScalarSet
  private let allScripts: ScalarSet

  /// The same in every language.
  init(_ set: ScalarSet) { self.init(ascii: set, allScripts: set) }

  private init(ascii: ScalarSet, allScripts: ScalarSet) {
    (self.ascii, self.allScripts) = (ascii, allScripts)
  }

  /// A general category of Unicode: a later version may have more characters in it, but none that were assigned before.
  init(category: ScalarSet) {
    self.init(
      ascii: category.subtracting(.unassigned), allScripts: category.union(.unassigned))
  }

  static let digits = ScalarReadings(ascii: .digits, allScripts: .digitsOfAllScripts)
  static let wordCharacters = ScalarReadings(ascii: .wordCharacters, allScripts: .wordCharactersOfAllScripts)

  /// The scalars that are in the set however it is read.
  var common: ScalarSet { ascii.intersection(allScripts) }

  var inverted: ScalarReadings {
    ScalarReadings(ascii: ascii.inverted, allScripts: allScripts.inverted)
  }

  func union(_ other: ScalarReadings) -> ScalarReadings {
    ScalarReadings(ascii: ascii.union(other.ascii), allScripts: allScripts.union(other.allScripts))
  }

  /// The scalar of a set of one.
  var onlyScalar: UInt32? {
    guard ascii == allScripts, ascii.ranges.count == 1, ascii.ranges[0].count == 1 else { return nil }
    return ascii.ranges[0].lowerBound
  }
}

extension ScalarSet {
  /// Decimal digits of any script.
  static let digitsOfAllScripts = ScalarSet { $0.properties.generalCategory == .decimalNumber }

  /// Letters, marks, numbers and connectors of any script: what Python's `re`, Rust's `regex` or UTS 18 calls a word
  /// character.
  static let wordCharactersOfAllScripts = ScalarSet { scalar in
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
      .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber, .connectorPunctuation:
      true
    default: scalar.properties.isAlphabetic || scalar.properties.isJoinControl
    }
  }

  /// The scalars of a property.
  private init(_ isMember: (Unicode.Scalar) -> Bool) {
    var ranges: [ClosedRange<UInt32>] = []
    // Unicode has no characters in planes 4 to 13 and private ones in 15 and 16.
    for value in [0...0x3FFFF, 0xE0000...0xEFFFF].joined() as FlattenSequence<[ClosedRange<UInt32>]> {
      guard let scalar = Unicode.Scalar(value), isMember(scalar) else { continue }
      if let last = ranges.last, last.upperBound + 1 == value {
        ranges[ranges.count - 1] = last.lowerBound...value
      } else {
        ranges.append(value...value)
      }
    }
    self.init(ranges)
  }
}
