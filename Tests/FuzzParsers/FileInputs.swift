import QuireCheckpoints
import QuireFiles
import QuireJSON
import QuireCalibration
import QuireModel
import QuireText
import TestSupport

/// Files of a checkpoint and of statistics. Lengths and checksums are put right first, so that what is wrong is met by
/// the checks behind them.
enum FileInputs {
  static let words = [
    "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"F32\"", "\"BF16\"", "\"U64\"", "\"F8_E4M3\"",
    "\"__metadata__\"",
    "\"format\"", "\"quire-statistics\"", "\"version\"", "\"tokens\"", "\"texts\"", "\"weight_map\"",
    "\"hashes\"", "\"quantization_config\"", "\"quant_method\"", "\"awq\"", "\"gptq\"", "\"fp8\"",
    "\"compressed-tensors\"", "\"config_groups\"", "\"num_bits\"", "\"bits\"", "\"weight_block_size\"",
    "\"I32\"",
    "\"I8\"", "a.qweight", "a.qzeros", "a.scales", "a.g_idx", "a.weight_packed", "a.weight_scale",
    "a.weight_shape",
    "a.weight_zero_point", "a.weight", "a.weight_scale_inv", "model.layers.0.mlp.down_proj.weight.gram",
    "[0,4]", "../", "\\u0000",
  ]

  /// All files of one run; removed with the process.
  static let folder = TemporaryFolder()

  static func shardIndex(_ input: [UInt8]) {
    var shard = SafetensorsImage()
    shard.add("a", shape: [2], [1, 2])
    folder.write(Array("{}".utf8), to: "config.json")
    folder.write(shard.bytes, to: "model-00001-of-00001.safetensors")
    folder.write(input, to: "model.safetensors.index.json")
    do throws(CheckpointError) {
      let checkpoint = try Checkpoint(path: folder.path)
      _ = try? checkpoint.tensor("a", shape: [2])
    } catch {
      _ = error.description
    }
  }

  /// The header's text; the length before it and some bytes after it are added.
  static func safetensors(_ input: [UInt8]) {
    let path = folder.write(Self.file(header: input, dataBytes: 64), to: "fuzz.safetensors")
    do throws(CheckpointError) {
      let file = try SafetensorsFile(path: path)
      for record in file.records { _ = try? file.read(record).view.bytes.count }
    } catch {
      _ = error.description
    }
  }

  static let ggufWords =
    GGUFForge.model().fields.map(\.key) + ["qwen3", "gpt2", "qwen2", "split.count", "split.no"]

  /// A file; the magic and a version before it are put right.
  static func gguf(_ input: [UInt8]) {
    let start = Array("GGUF".utf8) + GGUFForge.number(UInt32(3))
    let path = folder.write(start + input.dropFirst(start.count), to: "fuzz.gguf")
    do throws(CheckpointError) {
      let checkpoint = try Checkpoint(path: path)
      for name in checkpoint.tensorNames {
        guard let record = checkpoint.record(name) else { continue }
        _ = try? checkpoint.tensor(name, shape: record.shape).bytes.count
        if record.shape.count == 2 { _ = try? checkpoint.rows(0..<1, of: name, shape: record.shape) }
        _ = try? checkpoint.grid(name)
      }
      if let tokens = checkpoint.tokens {
        _ = try? Tokenizer(
          vocabulary: tokens.vocabulary, added: tokens.added, merges: tokens.merges,
          configuration: tokens.configuration)
      }
      _ = try? ModelConfiguration(json: checkpoint.configuration)
    } catch {
      _ = error.description
    }
  }

  /// A config.json and, after a line feed, the header of its weights; the length before the header and bytes after it
  /// are added.
  static func quantization(_ input: [UInt8]) {
    let end = input.firstIndex(of: 10) ?? input.endIndex
    folder.write(Array(input[..<end]), to: "config.json")
    folder.write(
      Self.file(header: Array(input[end...].dropFirst()), dataBytes: 2048), to: "model.safetensors")
    do throws(CheckpointError) {
      let checkpoint = try Checkpoint(path: folder.path)
      for name in checkpoint.quantizedNames {
        guard let shape = checkpoint.record(name)?.shape else { continue }
        _ = try? checkpoint.tensor(name, shape: shape).bytes.count
        _ = try? checkpoint.grid(name)?.rows
      }
    } catch {
      _ = error.description
    }
  }

  /// Header and values of a statistics file; the length before the header and the table of hashes are put right.
  static func statistics(_ input: [UInt8]) {
    let path = folder.write(StatisticsForge.file(input), to: "fuzz.statistics")
    do throws(CalibrationError) {
      let file = try StatisticsFile(path: path)
      _ = (file.origin.tokenCount, file.layout.byteCount, file.layout.layerBytes, file.layout.largestBytes)
      _ = try StatisticsMerger(paths: [path, path]).notes
    } catch {
      _ = error.description
    }
  }

  private static func file(header: [UInt8], dataBytes: Int) -> [UInt8] {
    PackForge.number(UInt64(header.count)) + header + [UInt8](repeating: 0, count: dataBytes)
  }
}
