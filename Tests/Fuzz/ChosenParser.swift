import CFuzzer
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

/// Mutates half of the inputs as bytes and half as the text they are. libFuzzer finds it by its name.
@_cdecl("LLVMFuzzerCustomMutator")
func mutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maximumSize: Int, _ seed: UInt32) -> Int {
  var mutation = TextMutation(seed: UInt64(seed))
  guard mutation.isWanted else { return LLVMFuzzerMutate(data, size, maximumSize) }
  let bytes = Array(UnsafeBufferPointer(start: data, count: size))
  let mutated = mutation.mutated(bytes, words: ChosenParser.value.words).prefix(maximumSize)
  for (offset, byte) in mutated.enumerated() { data[offset] = byte }
  return mutated.count
}
