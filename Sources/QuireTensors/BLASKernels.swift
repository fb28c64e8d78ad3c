import CKernels
import COpenBLAS
import Foundation

/// The choice of OpenBLAS's kernels.
///
/// OpenBLAS chooses them by the model number of the CPU when it is loaded. A version that is older than the CPU takes those
/// of SSE3. Debian 12's does so on Intel's Emerald Rapids, where a product of 1000×1000 doubles then runs at 7 GFLOP/s
/// instead of 38, and calibrated conversions take twice as long.
package enum BLASKernels {
  /// What `openblas_get_corename` says of kernels without AVX2 that it takes for CPUs which it does not know, or whose AVX2
  /// it does not see.
  package static let namesWithoutAVX2: Set<String> = [
    "Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Sandybridge", "Opteron", "Opteron_SSE3",
    "Barcelona",
  ]

  package static var name: String { String(cString: openblas_get_corename()) }

  /// Lets OpenBLAS choose again, among the kernels with AVX2, where it took older ones on a CPU that has it.
  ///
  /// Does nothing where OPENBLAS_CORETYPE is set, because then the user chose, and where this OpenBLAS cannot choose again.
  /// To be called before the first product. Those with AVX-512 are faster still and have had more faults.
  package static func preferAVX2() {
    let variable = "OPENBLAS_CORETYPE"
    guard getenv(variable) == nil, namesWithoutAVX2.contains(name), quire_isa_supported(QUIRE_ISA_AVX2) != 0,
      let forget = function("gotoblas_dynamic_quit"), let choose = function("gotoblas_dynamic_init")
    else { return }
    setenv(variable, "Haswell", 1)
    forget()
    choose()
    unsetenv(variable)
  }

  /// A function of OpenBLAS that its header does not declare; builds for a single CPU lack these two.
  private static func function(_ name: String) -> (@convention(c) () -> Void)? {
    guard let address = dlsym(dlopen(nil, RTLD_NOW), name) else { return nil }
    return unsafeBitCast(address, to: (@convention(c) () -> Void).self)
  }
}
