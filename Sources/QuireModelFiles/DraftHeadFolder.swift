import QuireCheckpoints
package import QuireModel
package import QuireTensors

/// The folder of a published EAGLE-3 draft head, opened; its weights are not read yet.
package struct DraftHeadFolder: Sendable {
  package let path: String
  package let name: String
  package let configuration: DraftHeadConfiguration
  private let checkpoint: Checkpoint

  /// How its matrices are stored in memory. A pass of a head reads each weight once for few rows, so its time is that of
  /// reading them: integers of 8 bits take about half of that of bf16, and the drafts are as good.
  private static let format = WeightFormat.int8()

  /// nil where the path is not a folder with the configuration of a head, which may be a model. Throws when the head is
  /// incomplete.
  package init?(path: String) throws(ModelFileError) {
    guard let json = Checkpoint.configuration(ofFolder: path), DraftHeadConfiguration.describes(json) else {
      return nil
    }
    self.path = path
    name = displayName(path)
    configuration = try reading { () throws(ModelError) in try DraftHeadConfiguration(json: json) }
    checkpoint = try reading { () throws(CheckpointError) in try Checkpoint(path: path) }
    let (checkpoint, configuration) = (checkpoint, configuration)
    try reading { () throws(ModelError) in try DraftHead.check(checkpoint, configuration) }
  }

  /// Refuses a model that the head was not made for.
  package func check(target: ModelConfiguration) throws(ModelFileError) {
    try reading { () throws(ModelError) in try configuration.check(target: target) }
  }

  /// Bytes of the weights as `load` holds them.
  package var loadedBytes: Int { DraftHead.weightBytes(checkpoint, configuration, format: Self.format) }

  /// All weights in memory.
  package func load(target: ModelConfiguration, team: ThreadTeam) throws(ModelFileError) -> DraftHead {
    try reading { () throws(ModelError) in
      try DraftHead(checkpoint, target: target, format: Self.format, team: team)
    }
  }
}
