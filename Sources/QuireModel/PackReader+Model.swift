import QuireJSON
package import QuirePacks

extension PackReader {
  /// The model's configuration from the manifest.
  package func modelConfiguration() throws(ModelError) -> ModelConfiguration {
    guard let json = manifest.configuration else {
      throw .missingField(field: "\"configuration\" in the pack \(path)", expected: "an object")
    }
    return try ModelConfiguration(json: json)
  }

  /// Refuses a pack whose tensors are not exactly those of the configuration in its manifest. Weights are not read.
  package func checkModel() throws(ModelError) {
    let configuration = try modelConfiguration()
    do throws(PackError) {
      try check(shapes: configuration.tensorShapes)
    } catch {
      throw .pack(error.description)
    }
  }
}
