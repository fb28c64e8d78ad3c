import QuireCheckpoints
import QuireGeneration
import QuireModel
import QuireServing
import QuireText
import TestSupport

/// A server on a real engine that runs a tiny random model. The engine ends with its last reference.
struct EngineFixture {
  private static let checkpoint: TemporaryFolder = {
    let folder = TemporaryFolder()
    TinyCheckpoint().write(to: folder)
    return folder
  }()

  let engine: Engine
  let fixture: ServerFixture

  init(_ options: EngineOptions = EngineOptions()) throws {
    let folder = Self.checkpoint.path
    let model = try Model(checkpoint: try Checkpoint(path: folder))
    engine = try Engine(model: model, tokenizer: try Tokenizer(folder: folder), options: options)
    fixture = try ServerFixture(engine)
  }
}
