import QuireCheckpoints
import QuireGeneration
import QuireModel
import QuireServing
import QuireText
import TestSupport

/// A server on a real engine that runs a tiny random model. The engine ends with its last reference.
struct EngineFixture {
  private static let checkpoint = written(TinyCheckpoint())

  /// The same model with room for an answer that no test waits for.
  private static let endlessCheckpoint: TemporaryFolder = {
    var tiny = TinyCheckpoint()
    tiny.maximumPositions = 400_000
    return written(tiny)
  }()

  private static func written(_ checkpoint: TinyCheckpoint) -> TemporaryFolder {
    let folder = TemporaryFolder()
    checkpoint.write(to: folder)
    return folder
  }

  let engine: Engine
  let fixture: ServerFixture

  /// The demo model, which is trained and ends its thoughts.
  static func demo() throws -> EngineFixture {
    let folder = TestPaths.repository + "/recipes/demo/checkpoint"
    let tokenizer = try Tokenizer(folder: folder)
    let engine = try Engine(
      model: try Model(checkpoint: try Checkpoint(path: folder)), tokenizer: tokenizer,
      options: EngineOptions(threadCount: 2))
    return EngineFixture(engine: engine, fixture: try ServerFixture(engine, tokenizer: tokenizer))
  }

  private init(engine: Engine, fixture: ServerFixture) {
    (self.engine, self.fixture) = (engine, fixture)
  }

  init(_ options: EngineOptions = EngineOptions(), endless: Bool = false) throws {
    let folder = (endless ? Self.endlessCheckpoint : Self.checkpoint).path
    let model = try Model(checkpoint: try Checkpoint(path: folder))
    engine = try Engine(model: model, tokenizer: try Tokenizer(folder: folder), options: options)
    fixture = try ServerFixture(engine)
  }
}
