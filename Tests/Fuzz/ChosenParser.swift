import FuzzParsers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The parser that this process is for.
enum ChosenParser {
  static let value: FuzzParser = {
    let name = getenv("QUIRE_FUZZ_PARSER").map { String(cString: $0) } ?? ""
    if let parser = FuzzParser(rawValue: name) { return parser }
    let names = FuzzParser.allCases.map(\.rawValue).joined(separator: ", ")
    print("expected a parser's name in QUIRE_FUZZ_PARSER, found \"\(name)\"; set it to one of \(names)")
    exit(2)
  }()
}
