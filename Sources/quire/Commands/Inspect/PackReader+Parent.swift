import QuireFiles
import QuireJSON
import QuirePacks
import QuireText

extension PackReader {
  /// The parent of a delta pack, for `inspect --json`: its recorded name, its contents, where it was found, and the
  /// bytes of streams that are taken from it; nil for a whole pack.
  var parentJSON: JSONValue? {
    guard let parent, let named = manifest.parent else { return nil }
    return [
      "file": .string(named.file), "contents": .string(ContentHash.hexadecimal(named.contentsHash)),
      "path": .string(parent.path), "bytes": .int(tensors.reduce(0) { $0 + $1.parentBytes }),
      "differences": .int(tensors.count { $0.isDifference }),
    ]
  }

  /// The same as a line of text.
  var parentSentence: String {
    guard let parent else { return "" }
    let taken = tensors.flatMap(\.streams).count { $0.source == .parent }
    let differences = tensors.count { $0.isDifference }
    let all = tensors.reduce(0) { $0 + $1.streams.count }
    return
      "\ndelta pack: \(taken) of \(all) streams are those of \(parent.path.visibleLine); \(differences) matrices are stored as differences from it"
  }
}

extension PackTensor {
  fileprivate var isDifference: Bool {
    streams.contains { stream in
      if case .difference = stream.source { true } else { false }
    }
  }
}
