import QuireGrammar
import QuireJSON
import TestSupport
import Testing

/// `multipleOf` and bounds with fractions: which texts of numbers are allowed, compared with arithmetic on integers.
@Suite struct SteppedNumberTests {
  static let conformances = [
    Conformance(
      #"{"type":"integer","multipleOf":5}"#, ["0", "5", "-10", "1234567890", "999999999999999995"],
      not: ["1", "-3", "05", "-0", "5.0", "5e0", "", "-", "1000000000000000000"]),
    Conformance(
      #"{"type":"integer","multipleOf":7,"minimum":-20,"exclusiveMaximum":21}"#,
      ["-14", "-7", "0", "7", "14"],
      not: ["-21", "21", "1", "70"]),
    Conformance(
      #"{"type":"number","multipleOf":0.01}"#, ["19.99", "20", "20.0", "20.50", "-0.05", "0", "0.00"],
      not: ["19.999", "20.", ".5", "-0", "-0.0", "020", "1e2"]),
    Conformance(
      #"{"type":"number","multipleOf":0.25,"exclusiveMinimum":0,"maximum":1}"#,
      ["0.25", "0.5", "0.50", "1", "1.0"],
      not: ["0", "0.00", "0.2", "0.75000", "1.25", "0.1"]),
    Conformance(
      #"{"type":"number","multipleOf":0.1,"minimum":0.05,"maximum":0.35}"#, ["0.1", "0.3"],
      not: ["0", "0.0", "0.4", "0.05"]),
    Conformance(#"{"type":"integer","multipleOf":2.5}"#, ["0", "5", "-10"], not: ["2", "2.5"]),
    Conformance(#"{"type":"integer","multipleOf":0.5}"#, ["0", "7"], not: ["0.5"]),
    Conformance(#"{"type":"number","multipleOf":1e-2,"maximum":1e3}"#, ["0.07", "1000"], not: ["1000.01"]),
    Conformance(#"{"type":"number","multipleOf":1.5e1}"#, ["15", "-30"], not: ["1.5", "20"]),
    Conformance(
      #"{"type":"integer","multipleOf":997,"minimum":0,"maximum":9999}"#, ["0", "997", "9970"],
      not: ["998", "10967"]),
    Conformance(#"{"multipleOf":3}"#, ["3", "0"], not: ["1", "\"x\"", "null"]),
    Conformance(#"{"type":["integer","null"],"multipleOf":10}"#, ["20", "null"], not: ["25"]),
    Conformance(#"{"enum":[1,10,15,0.5,"x"],"multipleOf":5}"#, ["10", "15", "\"x\""], not: ["1", "0.5"]),
    Conformance(
      #"{"type":"integer","multipleOf":10,"minimum":-1e300,"maximum":1e300}"#, ["0", "990"], not: ["5"]),
    Conformance(
      #"{"allOf":[{"type":"integer","minimum":10},{"multipleOf":4,"maximum":30}]}"#, ["12", "28"],
      not: ["8", "14", "32"]),
    Conformance(
      #"{"type":"object","properties":{"a":{"type":"integer","multipleOf":5},"b":{"type":"integer","multipleOf":5}},"required":["a","b"]}"#,
      [#"{"a":5,"b":10}"#], not: [#"{"a":5,"b":1}"#]),
  ]

  static let bounds = [
    Conformance(
      #"{"type":"number","minimum":0.5,"maximum":1.5}"#,
      ["0.5", "0.50", "0.51", "0.99999999999999", "1", "1.0", "1.5", "1.49999999999999"],
      not: ["0.4", "0", "0.49999999999999", "1.51", "2", "-0.5", "5e-1"]),
    Conformance(
      #"{"type":"number","exclusiveMinimum":0.1}"#, ["0.11", "0.2", "1", "12.5"], not: ["0.1", "0.10", "0"]),
    Conformance(
      #"{"type":"number","minimum":-0.25,"exclusiveMaximum":0.75}"#, ["-0.25", "-0.1", "0", "0.7", "0.749"],
      not: ["-0.26", "0.75", "-1", "1"]),
    Conformance(
      #"{"type":"number","minimum":0.3,"maximum":0.7}"#, ["0.3", "0.5", "0.7"], not: ["0", "1", "0.71"]),
    Conformance(
      #"{"type":"number","minimum":-2.5,"maximum":-1.25}"#, ["-2.5", "-2", "-1.25", "-1.3"],
      not: ["-2.6", "-1.2", "-1"]),
    Conformance(#"{"type":"number","maximum":1e-7}"#, ["0", "0.0000001", "-5"], not: ["0.0000002", "1"]),
    Conformance(
      #"{"type":"number","minimum":0.30000000000000004}"#, ["0.31", "1"], not: ["0.3", "0.30000000000000"]),
    Conformance(
      #"{"type":"number","minimum":0.5,"exclusiveMinimum":0.7,"maximum":99.5}"#, ["0.8", "99.5", "99"],
      not: ["0.5", "0.6", "0.7", "99.6", "100"]),
    Conformance(#"{"type":"number","minimum":1,"maximum":1.5}"#, ["1", "1.5"], not: ["1.6", "0.9"]),
    Conformance(
      #"{"type":"number","maximum":123456789012.5}"#, ["123456789012.5", "123456789012"],
      not: ["123456789012.6"]),
  ]

  @Test(arguments: conformances + bounds) func valuesAreAcceptedOrRefused(_ conformance: Conformance) throws {
    conformance.check(try GrammarFixtures.schema(conformance.source))
  }

  /// Steps with divisors of ten, without, and with both; bounds that cut within and between numbers of digits.
  @Test(arguments: [2, 3, 6, 7, 12, 25, 30, 64, 97, 360, 1000, 1024, 86_400])
  func integersAreMultiples(step: Int) throws {
    for (first, last) in [(-1500, 1500), (-7, 103), (95, 1005), (-1111, -99), (0, 0), (12, 12)] {
      guard (first...last).contains(where: { $0 % step == 0 }) else { continue }
      let source = #"{"type":"integer","multipleOf":\#(step),"minimum":\#(first),"maximum":\#(last)}"#
      let constraint = try GrammarFixtures.schema(source)
      for number in -1600...1600 {
        let isAllowed = number % step == 0 && first...last ~= number
        #expect(constraint.accepts("\(number)") == isAllowed, "\(number) of \(source)")
      }
    }
  }

  /// Units of 1/100, with every number of digits after the point that can write them.
  @Test(arguments: [1, 2, 5, 25, 35, 125]) func decimalsAreMultiples(units: Int) throws {
    let step = "\(units / 100).\(units % 100 < 10 ? "0" : "")\(units % 100)"
    let source = #"{"type":"number","multipleOf":\#(step),"minimum":-1.07,"exclusiveMaximum":12.5}"#
    let constraint = try GrammarFixtures.schema(source)
    for number in -130...1300 {
      let isAllowed = number % units == 0 && -107..<1250 ~= number
      let (sign, magnitude) = (number < 0 ? "-" : "", number.magnitude)
      let (whole, rest) = (magnitude / 100, magnitude % 100)
      #expect(
        constraint.accepts("\(sign)\(whole).\(rest / 10)\(rest % 10)") == isAllowed, "\(number) of \(source)")
      if rest % 10 == 0 { #expect(constraint.accepts("\(sign)\(whole).\(rest / 10)") == isAllowed) }
      if rest == 0 { #expect(constraint.accepts("\(sign)\(whole)") == isAllowed) }
    }
  }
}
