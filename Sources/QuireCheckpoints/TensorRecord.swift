package import QuireTensors

/// A header's entry of one tensor.
package struct TensorRecord: Sendable, Equatable {
  package let name: String
  package let element: ElementType
  package let shape: [Int]
  /// Path of the file that holds it.
  package let file: String
  /// The range of its bytes, from the start of the file.
  package let range: Range<Int>
  /// The type of the stored bytes when it is not `element`, which is then computed from them: "Q4_K".
  package var encoding: String?
  /// Inputs that share a scale, where a file says so besides its encoding.
  package var groupSize: Int?

  package var byteCount: Int { range.count }

  /// The same tensor under another name.
  func renamed(_ name: String) -> TensorRecord {
    TensorRecord(
      name: name, element: element, shape: shape, file: file, range: range, encoding: encoding,
      groupSize: groupSize)
  }
}

/// A tensor's bytes in memory, valid while `owner` lives.
// Unchecked: the memory is never written after the view is made.
package struct TensorView: @unchecked Sendable {
  package let name: String
  package let element: ElementType
  package let shape: [Int]
  package let bytes: UnsafeRawBufferPointer  // row-major, little-endian, aligned to the element
  package let owner: any AnyObject & Sendable

  init(
    record: TensorRecord, bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable
  ) {
    name = record.name
    element = record.element
    shape = record.shape
    self.bytes = bytes
    self.owner = owner
  }
}
