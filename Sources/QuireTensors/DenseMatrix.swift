import CKernels

/// A row-major matrix of floats, as checkpoints store them.
// Unchecked: read-only memory kept alive by `owner`.
package final class DenseMatrix: @unchecked Sendable {
  package let rows: Int  // output channels
  package let columns: Int  // inputs
  package let element: ElementType  // .bfloat16, .float16 or .float32
  package let base: UnsafeRawPointer  // (row, column)
  private let owner: AnyObject

  /// `base` must be aligned to the element and stay valid as long as `owner` lives.
  package init(rows: Int, columns: Int, element: ElementType, base: UnsafeRawPointer, owner: AnyObject) {
    precondition([.bfloat16, .float16, .float32].contains(element), "a dense matrix holds floats")
    precondition(Int(bitPattern: base) % element.byteCount == 0, "misaligned matrix")
    self.rows = rows
    self.columns = columns
    self.element = element
    self.base = base
    self.owner = owner
  }

  /// A float32 matrix that owns its values.
  package convenience init(rows: Int, columns: Int, values: HostBuffer<Float>) {
    precondition(values.count == rows * columns)
    self.init(
      rows: rows, columns: columns, element: .float32, base: UnsafeRawPointer(values.pointer), owner: values)
  }

  /// A bf16 matrix that owns its values, rounded to nearest even.
  package convenience init(rows: Int, columns: Int, roundingToBfloat16 values: UnsafePointer<Float>) {
    let bits = HostBuffer<UInt16>(count: rows * columns)
    for i in 0..<rows * columns { bits.pointer[i] = values[i].bfloat16Bits }
    self.init(
      rows: rows, columns: columns, element: .bfloat16, base: UnsafeRawPointer(bits.pointer), owner: bits)
  }

  package var byteCount: Int { rows * columns * element.byteCount }
  package var bytes: UnsafeRawBufferPointer { .init(start: base, count: byteCount) }

  /// The kernels' constant for `element`.
  var kernelElement: quire_element {
    switch element {
    case .float32: QUIRE_F32
    case .float16: QUIRE_F16
    default: QUIRE_BF16
    }
  }
}
