import Foundation
import TestSupport
import Testing

/// Numbers of a request have a range before anything is computed with them: only `FieldReader` takes them out of JSON.
struct NumberSourceTests {
  @Test func onlyTheFieldReaderReadsNumbers() throws {
    let folder = TestPaths.repository + "/Sources/QuireServing"
    let names = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
    let sources = names.filter { $0.hasSuffix(".swift") }
    #expect(sources.count > 20)
    for name in sources where !name.hasSuffix("/FieldReader.swift") {
      let text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
      for accessor in [".intValue", ".doubleValue", ".literal", ".numberValue?."] {
        let isShown = name.hasSuffix("/Found.swift") && accessor == ".literal"
        #expect(isShown || !text.contains(accessor), "\(name) reads a number with \(accessor)")
      }
    }
  }
}
