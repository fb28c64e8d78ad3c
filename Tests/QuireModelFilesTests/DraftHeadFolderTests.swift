import Foundation
import QuireModel
import QuireModelFiles
import QuireTensors
import TestSupport
import Testing

/// Folders of draft heads that are damaged, incomplete or of another model: each gets one sentence.
@Suite struct DraftHeadFolderTests {
  /// A fault and the sentence for it, without the folder.
  struct Fault: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let sentence: String
    let change: @Sendable (inout TinyDraftHead) -> Void

    init(_ name: String, _ sentence: String, _ change: @escaping @Sendable (inout TinyDraftHead) -> Void) {
      testDescription = name
      self.sentence = sentence
      self.change = change
    }
  }

  private static let belong = "check that the weights belong to the config.json in their folder"
  private static let published =
    "use the config.json that was published with the weights"

  /// What is found when the folder is opened, before any weights are read.
  static let faultsOfFiles =
    matrixFaults + vocabularyFaults + configurationFaults

  private static let matrixFaults = [
    Fault(
      "a matrix is missing",
      "expected tensor \"fc.weight\" in FOLDER, found none; check that the weights belong to its config.json"
    ) { $0.remove("fc.weight") },
    Fault(
      "a norm is missing",
      "expected tensor \"midlayer.hidden_norm.weight\" in FOLDER, found none; check that the weights belong to its config.json"
    ) { $0.remove("midlayer.hidden_norm.weight") },
    Fault(
      "features of two layers",
      "expected tensor \"fc.weight\" in FOLDER/model.safetensors as BF16, F16, F32 [64, 192], found BF16 [64, 128]; \(belong)"
    ) { $0.replace("fc.weight") { $0.shape = [64, 128] } },
    Fault(
      "a matrix with one dimension",
      "expected tensor \"lm_head.weight\" in FOLDER/model.safetensors as BF16, F16, F32 [96, 64], found BF16 [6144]; \(belong)"
    ) { $0.replace("lm_head.weight") { $0.shape = [6144] } },
    Fault(
      "a matrix of integers",
      "expected tensor \"norm.weight\" in FOLDER/model.safetensors as BF16, F16, F32 [64], found I64 [64]; \(belong)"
    ) { $0.replace("norm.weight") { $0.element = "I64" } },
    Fault(
      "a second layer",
      "expected only the tensors of an EAGLE-3 head with one layer and no biases in FOLDER, found "
        + "\"layers.1.mlp.up_proj.weight\"; choose another head"
    ) { $0.image.add("layers.1.mlp.up_proj.weight", shape: [1], [0]) },
    Fault(
      "an embedding of another vocabulary",
      "expected tensor \"embed_tokens.weight\" in FOLDER/model.safetensors as BF16, F16, F32 [320, 64], found F32 [2, 64]; \(belong)"
    ) { $0.image.add("embed_tokens.weight", shape: [2, 64], [Float](repeating: 0, count: 128)) },
    Fault(
      "no embedding of another width",
      "expected tensor \"embed_tokens.weight\" in FOLDER, whose hidden size 64 is not the model's 32, found none; fetch weights "
        + "and configuration again from one source"
    ) {
      $0.members["target_hidden_size"] = "32"
      $0.replace("fc.weight") { $0.shape = [64, 96] }
    },
  ]

  private static let vocabularyFaults = [
    Fault(
      "no map",
      "expected tensor \"d2t\" in FOLDER, found none; check that the weights belong to its config.json"
    ) { $0.remove("d2t") },
    Fault("a map after the vocabulary's end", outside("225", token: 95)) {
      $0.setDistances((0..<95).map(Int64.init) + [225])
    },
    Fault("a map before the vocabulary", outside("-2", token: 1)) {
      $0.setDistances([0, -2] + (2..<96).map(Int64.init))
    },
    Fault("a map that overflows", outside("9223372036854775807", token: 2)) {
      $0.setDistances([0, 1, .max] + (3..<96).map(Int64.init))
    },
    Fault(
      "a short map",
      "expected tensor \"d2t\" in FOLDER/model.safetensors as I32, I64 [96], found I64 [95]; \(belong)"
    ) { $0.setDistances((0..<95).map(Int64.init)) },
    Fault(
      "a map of floats",
      "expected tensor \"d2t\" in FOLDER/model.safetensors as I32, I64 [96], found F32 [96]; \(belong)"
    ) { $0.replace("d2t") { $0.element = "F32" } },
    Fault(
      "a map of Booleans",
      "expected tensor \"d2t\" in FOLDER/model.safetensors as I32, I64 [96], found BOOL [96]; \(belong)"
    ) { $0.replace("d2t") { $0.element = "BOOL" } },
    Fault(
      "a short inverse map",
      "expected tensor \"t2d\" in FOLDER/model.safetensors as BOOL, U8 [320], found BOOL [319]; \(belong)"
    ) { $0.replace("t2d") { $0.shape = [319] } },
    Fault(
      "an inverse map of integers",
      "expected tensor \"t2d\" in FOLDER/model.safetensors as BOOL, U8 [320], found I64 [320]; \(belong)"
    ) { $0.replace("t2d") { $0.element = "I64" } },
  ]

  private static func outside(_ distance: String, token: Int) -> String {
    "expected \"d2t\" in FOLDER to lead from each draft token to one of the model's 320 tokens, found the distance \(distance) "
      + "of draft token \(token); fetch the head again, or give the one that was trained for this model"
  }

  private static let configurationFaults = [
    Fault(
      "no hidden size",
      "expected an integer from 1 to 1048576 as hidden_size in the model's configuration, found none; \(published)"
    ) { $0.members["hidden_size"] = nil },
    Fault(
      "no draft vocabulary",
      "expected an integer from 1 to 320 as draft_vocab_size in the model's configuration, found none; \(published)"
    ) { $0.members["draft_vocab_size"] = nil },
    Fault(
      "a draft vocabulary that is larger than the target's",
      "expected an integer from 1 to 320 as draft_vocab_size in the model's configuration, found 321; correct it or \(published)"
    ) { $0.members["draft_vocab_size"] = "321" },
    Fault(
      "a width that is a text",
      "expected an integer from 1 to 1048576 as hidden_size in the model's configuration, found \"64\"; correct it or \(published)"
    ) { $0.members["hidden_size"] = "\"64\"" },
    Fault(
      "two features",
      "expected a list of three layer numbers as eagle_config.eagle_aux_hidden_state_layer_ids in the model's configuration, "
        + "found [0,1]; correct it or \(published)"
    ) { $0.members["eagle_config"] = "{\"eagle_aux_hidden_state_layer_ids\": [0, 1]}" },
    Fault(
      "two layers",
      "expected an EAGLE-3 head with num_hidden_layers 1, found num_hidden_layers = 2 in its configuration; choose another head"
    ) { $0.members["num_hidden_layers"] = "2" },
    Fault(
      "quantized weights",
      "expected an EAGLE-3 head with unquantized weights, found quantization_config = {} in its configuration; choose another "
        + "head"
    ) { $0.members["quantization_config"] = "{}" },
  ]

  /// Values of weights, which are found when they are read.
  static let faultsOfValues = [
    Fault("a NaN in a matrix", Self.notFinite("midlayer.mlp.up_proj.weight")) {
      $0.set(.nan, at: 3000, of: "midlayer.mlp.up_proj.weight")
    },
    Fault("an infinity in a norm", Self.notFinite("norm.weight")) {
      $0.set(-.infinity, at: 63, of: "norm.weight")
    },
    Fault("a NaN in the embedding", Self.notFinite("embed_tokens.weight")) {
      $0.image.add(
        "embed_tokens.weight", shape: [320, 64], [Float](repeating: .nan, count: 320 * 64))
    },
    Fault(
      "weights with which float32 overflows",
      "expected weights of ordinary size in tensor \"fc.weight\" of FOLDER/model.safetensors, found 1.2676506e+30, with which "
        + "float32 overflows; download the file again; if the model is your own, its training has diverged"
    ) { $0.set(0x1p100, at: 0, of: "fc.weight") },
  ]

  private static func notFinite(_ name: String) -> String {
    "expected finite numbers in tensor \"\(name)\" of FOLDER/model.safetensors, found a NaN or an infinity; download the file "
      + "again; if the model is your own, its training has diverged"
  }

  private static let target = Result {
    let folder = TemporaryFolder()
    TinyCheckpoint().write(to: folder)
    return try ModelSource(path: folder.path).configuration()
  }

  private func folder(_ change: (inout TinyDraftHead) -> Void) -> TemporaryFolder {
    let folder = TemporaryFolder()
    var head = TinyDraftHead()
    change(&head)
    head.write(to: folder)
    return folder
  }

  private func sentence(_ error: ModelFileError?, _ folder: TemporaryFolder) -> String? {
    error?.description.replacingOccurrences(of: folder.path, with: "FOLDER")
  }

  @Test func aSoundHeadIsRead() throws {
    let folder = folder { _ in }
    let opened = try #require(try DraftHeadFolder(path: folder.path))
    let target = try Self.target.get()
    try opened.check(target: target)
    let head = try opened.load(target: target, team: ThreadTeam(threadCount: 1))
    #expect(head.featureLayers == [1, 1, 2])
    #expect(head.targetIDs == (0..<96).map { 2 * $0 })
    #expect(head.weightBytes == opened.loadedBytes)
  }

  @Test(arguments: faultsOfFiles) func filesAreChecked(fault: Fault) throws {
    let folder = folder(fault.change)
    let error = #expect(throws: ModelFileError.self) { try DraftHeadFolder(path: folder.path) }
    #expect(sentence(error, folder) == fault.sentence)
  }

  @Test(arguments: faultsOfValues) func valuesAreChecked(fault: Fault) throws {
    let folder = folder(fault.change)
    let opened = try #require(try DraftHeadFolder(path: folder.path))
    let error = #expect(throws: ModelFileError.self) {
      try opened.load(target: Self.target.get(), team: ThreadTeam(threadCount: 1))
    }
    #expect(sentence(error, folder) == fault.sentence)
  }

  /// Every cut of the file, in its header and in each tensor.
  @Test func truncatedFilesAreRefused() throws {
    let folder = folder { _ in }
    let bytes = TinyDraftHead().image.bytes
    for count in [0, 1, 7, 8, 100, 1000, 2000, bytes.count / 2, bytes.count - 1] {
      folder.write(bytes.prefix(count), to: "model.safetensors")
      let error = #expect(throws: ModelFileError.self, "\(count) bytes") {
        try DraftHeadFolder(path: folder.path)
      }
      let text = try #require(sentence(error, folder))
      #expect(text.hasPrefix("expected ") && text.contains("FOLDER/model.safetensors, found "), "\(text)")
    }
  }

  /// They may be models, so opening them as models gives the sentence.
  @Test func otherFoldersAreNoHeads() throws {
    let folder = folder { $0.members["architectures"] = "[\"LlamaForCausalLM\"]" }
    #expect(try DraftHeadFolder(path: folder.path) != nil, "known by its draft vocabulary")
    folder.write("{\"architectures\": [\"LlamaForCausalLMEagle3\"".utf8, to: "config.json")
    #expect(try DraftHeadFolder(path: folder.path) == nil)
    #expect(try DraftHeadFolder(path: folder.path + "/model.safetensors") == nil)
    #expect(try DraftHeadFolder(path: folder.path + "/nothing") == nil)
  }

  @Test(arguments: [
    (
      ["target_hidden_size": "128"],
      "expected an EAGLE-3 head for a model with hidden size 64, found one for 128; give the head that was trained for this "
        + "model"
    ),
    (
      ["eagle_config": "{\"eagle_aux_hidden_state_layer_ids\": [1, 17, 32]}"],
      "expected an EAGLE-3 head that reads hidden states of the model's 2 layers, found one that reads those after 2, 18, 33 "
        + "layers; give the head that was trained for this model"
    ),
    (
      ["eagle_config": "null"],
      "expected an EAGLE-3 head that reads hidden states of the model's 2 layers, found one that reads those after 2, 1, -1 "
        + "layers; give the head that was trained for this model"
    ),
  ])
  func headsOfOtherModelsAreRefused(members: [String: String], sentence: String) throws {
    let folder = folder { head in
      for (name, text) in members { head.members[name] = text }
      if members["target_hidden_size"] != nil {
        head.replace("fc.weight") { $0.shape = [64, 384] }
        head.image.add("embed_tokens.weight", shape: [320, 64], [Float](repeating: 0, count: 320 * 64))
      }
    }
    let opened = try #require(try DraftHeadFolder(path: folder.path))
    let error = #expect(throws: ModelFileError.self) { try opened.check(target: Self.target.get()) }
    #expect(self.sentence(error, folder) == sentence)
  }

  @Test func aHeadOfAnotherVocabularyIsRefused() throws {
    let folder = folder {
      $0.members["vocab_size"] = "300"
      $0.replace("t2d") { $0.shape = [300] }
    }
    let opened = try #require(try DraftHeadFolder(path: folder.path))
    let error = #expect(throws: ModelFileError.self) { try opened.check(target: Self.target.get()) }
    #expect(
      sentence(error, folder)
        == "expected an EAGLE-3 head for a model with vocabulary size 320, found one for 300; give the head that was trained "
        + "for this model")
  }
}
