/// Recognizes other types of file by their first bytes.
package struct ForeignFile: Equatable, Sendable {
  /// The type in a few words: "a GGUF file".
  package let what: String
  package let advice: String

  /// The number of first bytes needed.
  package static let startBytes = 64

  /// nil when the type is not known.
  package init?(start: some Sequence<UInt8>) {
    let bytes = Array(start.prefix(Self.startBytes))
    guard let kind = Self.kinds.first(where: { bytes.starts(with: $0.magic) }) else { return nil }
    what = kind.what
    advice = kind.advice
  }

  private init(what: String, advice: String) {
    self.what = what
    self.advice = advice
  }

  package static let gguf = ForeignFile(
    what: "a GGUF file", advice: "give the path of the GGUF file itself"
  )
  package static let pyTorch = ForeignFile(
    what: "PyTorch weights",
    advice: "save them as safetensors, with transformers: "
      + "AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(OUTPUT)")

  private static let kinds: [(magic: [UInt8], what: String, advice: String)] = [
    (Array("GGUF".utf8), gguf.what, gguf.advice),
    (Array("PK\u{3}\u{4}".utf8), "a zip archive, as PyTorch writes its weights", pyTorch.advice),
    ([0x80, 0x02], "a Python pickle, as PyTorch writes its weights", pyTorch.advice),
    (
      Array("version https://git-lfs".utf8), "a Git LFS pointer instead of the file",
      "run git lfs pull in its folder, or download the file with hf download"
    ),
    (Array("<!DOCTYPE".utf8), "a web page", "download the file itself"),
    (Array("<!doctype".utf8), "a web page", "download the file itself"),
    (Array("<html".utf8), "a web page", "download the file itself"),
    ([0x1F, 0x8B], "a gzip archive", "unpack it first"),
    ([0x89] + Array("HDF\r\n".utf8), "an HDF5 file, as TensorFlow writes its weights", pyTorch.advice),
  ]
}
