import CFuzzer
import FuzzParsers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

// A libFuzzer program for one parser of the product, which the environment variable QUIRE_FUZZ_PARSER names.
// `tools/fuzz` builds and runs it.

_ = ChosenParser.value
var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
  LLVMFuzzerRunDriver(&count, &arguments) { data, size in
    ChosenParser.value.run(Array(UnsafeBufferPointer(start: data, count: size)))
    return 0
  })
