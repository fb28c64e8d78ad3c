import Foundation
import QuireTensors
import Testing

@Suite struct BLASKernelsTests {
  /// On a CPU with AVX2 OpenBLAS uses it after the first product, also where it does not know the CPU's model.
  @Test func productsUseAVX2() {
    let value = HostBuffer<Float>([2])
    let view = MatrixView(value, rows: 1, columns: 1)
    let result = HostBuffer<Float>(count: 1)
    DenseAlgebra.multiply(view, view, into: MatrixView(result, rows: 1, columns: 1))
    #expect(result[0] == 4)
    let userChose = getenv("OPENBLAS_CORETYPE") != nil
    if InstructionSet.avx2.isSupported, !userChose {
      #expect(!BLASKernels.namesWithoutAVX2.contains(BLASKernels.name), "found \(BLASKernels.name)")
    }
  }

  /// The variable is for OpenBLAS alone and not for programs that are started later.
  @Test func theEnvironmentStaysAsItWas() {
    let before = getenv("OPENBLAS_CORETYPE").map { String(cString: $0) }
    BLASKernels.preferAVX2()
    #expect(getenv("OPENBLAS_CORETYPE").map { String(cString: $0) } == before)
  }
}
