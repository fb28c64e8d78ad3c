import Foundation
import QuireCheckpoints
import QuireTensors
import TestSupport
import Testing

/// Scales that are powers of two, and matrices with one scale and one zero point: the same values as in the forms whose
/// values are compared with those of transformers.
@Suite struct QuantizedScaleTests {
  private static let fixtures = TestPaths.modelFixtures + "/quantized/"
  private static let query = "model.layers.0.self_attn.q_proj.weight"

  /// A fixture with other tensors in place of some, and with other settings of compressed-tensors where given.
  private func folder(
    _ fixture: String, weights: [String: Any]? = nil, format: String = "",
    _ change: (inout SafetensorsImage.Tensor) -> Void
  ) throws -> TemporaryFolder {
    let folder = TemporaryFolder()
    var config = try Data(contentsOf: URL(fileURLWithPath: Self.fixtures + fixture + "/config.json"))
    if let weights {
      var members = try #require(try JSONSerialization.jsonObject(with: config) as? [String: Any])
      members["quantization_config"] = [
        "quant_method": "compressed-tensors", "format": format,
        "config_groups": ["group_0": ["targets": ["Linear"], "weights": weights]],
      ]
      config = try JSONSerialization.data(withJSONObject: members)
    }
    folder.write(config, to: "config.json")
    let path = Self.fixtures + fixture + "/model.safetensors"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    var image = SafetensorsImage()
    for record in try SafetensorsFile(path: path).records {
      var tensor = SafetensorsImage.Tensor(
        name: record.name, element: record.element.rawValue, shape: record.shape,
        bytes: Array(bytes[record.range]))
      change(&tensor)
      image.tensors.append(tensor)
    }
    folder.write(image.bytes, to: "model.safetensors")
    return folder
  }

  private func values(_ folder: TemporaryFolder) throws -> [Float] {
    let view = try Checkpoint(path: folder.path).tensor(Self.query, shape: [128, 64])
    return withExtendedLifetime(view.owner) { Array(view.bytes.bindMemory(to: Float.self)) }
  }

  /// Exponents from 2⁻¹² on, of a type whose bytes are these or the floats that they mean.
  private func fill(_ tensor: inout SafetensorsImage.Tensor, shape: [Int], _ element: String) {
    let patterns = (0..<shape.reduce(1, *)).map { UInt8(115 + $0 % 7) }
    let powers = patterns.map { Float(sign: .plus, exponent: Int($0) - 127, significand: 1) }
    tensor.shape = shape
    tensor.element = element
    tensor.bytes = element == "F32" ? SafetensorsImage.encode(powers, as: element) : patterns
  }

  @Test func scalesOfBlocksMayBePowersOfTwo() throws {
    func values(_ element: String) throws -> [Float] {
      try self.values(
        folder("fp8") { tensor in
          if tensor.name.hasSuffix("weight_scale_inv") { fill(&tensor, shape: tensor.shape, element) }
        })
    }
    let floats = try values("F32")
    #expect(try values("F8_E8M0") == floats)
    #expect(Set(floats).count > 100)
  }

  @Test(arguments: ["U8", "F8_E8M0"]) func groupsOfMXFP8(element: String) throws {
    func values(_ element: String, _ format: String) throws -> [Float] {
      let settings: [String: Any] = [
        "num_bits": 8, "type": "float", "strategy": "group", "group_size": 32,
      ]
      return try self.values(
        folder("fp8", weights: settings, format: format) { tensor in
          guard tensor.name.hasSuffix(".weight_scale_inv") else { return }
          tensor.name = tensor.name.replacing("_scale_inv", with: "_scale")
          // A block of the fixture has 32 rows and 32 columns.
          fill(&tensor, shape: [tensor.shape[0] * 32, tensor.shape[1]], element)
        })
    }
    #expect(try values(element, "mxfp8-quantized") == values("F32", "float-quantized"))
  }

  /// A scale for each row, as a column or as a list.
  @Test(arguments: ["fp8", "float-quantized", "w8a16", "w4a16"]) func scalesOfRowsMayBeAList(form: String)
    throws
  {
    func values(isList: Bool) throws -> [Float] {
      func change(_ tensor: inout SafetensorsImage.Tensor) {
        guard tensor.name.contains(".weight_scale") else { return }
        let rows = form.hasPrefix("w") ? tensor.shape[0] : tensor.shape[0] * 32
        if form == "float-quantized" { tensor.name = tensor.name.replacing("_scale_inv", with: "_scale") }
        let scales = (1...rows).map { Float($0) / 1024 }
        tensor.bytes = SafetensorsImage.encode(scales, as: tensor.element)
        tensor.shape = isList ? [rows] : [rows, 1]
      }
      if form == "float-quantized" {
        let settings: [String: Any] = ["num_bits": 8, "type": "float", "strategy": "channel"]
        return try self.values(folder("fp8", weights: settings, format: form, change))
      }
      return try self.values(folder(form, change))
    }
    let list = try values(isList: true)
    #expect(try list == values(isList: false))
    #expect(Set(list).count > 100)
  }

  @Test func aPowerThatIsNoNumberIsRefused() throws {
    let folder = try folder("fp8") { tensor in
      guard tensor.name.hasSuffix("weight_scale_inv") else { return }
      fill(&tensor, shape: tensor.shape, "F8_E8M0")
      tensor.bytes[1] = 255
    }
    let error = #expect(throws: CheckpointError.self) { try values(folder) }
    #expect(try #require(error).description.contains("expected finite numbers"))
  }

  /// One zero point of a whole matrix is never packed.
  @Test(arguments: [[], [1], [1, 1]]) func oneZeroPointOfAMatrix(shape: [Int]) throws {
    let (scale, zero): (Float, UInt8) = (0.125, 3)
    let settings: [String: Any] = ["num_bits": 4, "type": "int", "symmetric": false]
    func values(_ change: (inout SafetensorsImage.Tensor) -> Void) throws -> [Float] {
      try self.values(
        folder("w4a16-asymmetric", weights: settings, format: "pack-quantized", change))
    }
    let whole = try values { tensor in
      if tensor.name.hasSuffix("weight_scale") {
        (tensor.shape, tensor.bytes) = (shape, SafetensorsImage.encode([scale], as: tensor.element))
      } else if tensor.name.hasSuffix("weight_zero_point") {
        (tensor.shape, tensor.element, tensor.bytes) = (shape, "I8", [zero])
      }
    }
    let groups = try values { tensor in
      if tensor.name.hasSuffix("weight_scale") {
        let scales = [Float](repeating: scale, count: tensor.shape.reduce(1, *))
        tensor.bytes = SafetensorsImage.encode(scales, as: tensor.element)
      } else if tensor.name.hasSuffix("weight_zero_point") {
        // Packed zero points are unsigned: 8 more, two in a byte.
        tensor.bytes = tensor.bytes.map { _ in (zero + 8) << 4 | (zero + 8) }
      }
    }
    #expect(whole == groups && Set(whole).count > 10)
  }
}
