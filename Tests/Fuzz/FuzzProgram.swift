import CFuzzer
import FuzzParsers

// A libFuzzer program for one parser of the product, which the environment variable QUIRE_FUZZ_PARSER names.
// `tools/fuzz` builds and runs it. libFuzzer finds these functions by their names.

/// The package manager calls this the program's `main`; the compiler makes none for a fuzzer.
@_cdecl("quire_fuzz_main")
func runFuzzer(
  _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  _ = ChosenParser.value
  var (count, arguments) = (count, arguments)
  return LLVMFuzzerRunDriver(&count, &arguments) { data, size in
    data.map { testOneInput($0, size) } ?? 0
  }
}

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> Int32 {
  ChosenParser.value.run(Array(UnsafeBufferPointer(start: data, count: size)))
  return 0
}

/// Mutates half of the inputs as bytes and half as the text they are.
@_cdecl("LLVMFuzzerCustomMutator")
func mutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maximumSize: Int, _ seed: UInt32) -> Int {
  var mutation = TextMutation(seed: UInt64(seed))
  guard mutation.isWanted else { return LLVMFuzzerMutate(data, size, maximumSize) }
  let bytes = Array(UnsafeBufferPointer(start: data, count: size))
  let mutated = mutation.mutated(bytes, words: ChosenParser.value.words).prefix(maximumSize)
  for (offset, byte) in mutated.enumerated() { data[offset] = byte }
  return mutated.count
}
