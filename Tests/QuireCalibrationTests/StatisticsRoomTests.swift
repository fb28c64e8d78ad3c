import QuireCalibration
import QuireFiles
import Testing

/// Statistics and hidden states that do not fit on a disk are refused before the work.
@Suite struct StatisticsRoomTests {
  private func problem(shared: Bool, _ free: Int?, _ freeStates: Int?) -> String? {
    let room = StatisticsRoom(
      path: "s", fileBytes: 3_000_000, statesBytes: 2_000_000, sharesDisk: shared, freeBytes: free,
      freeStatesBytes: freeStates)
    do throws(CalibrationError) { try room.check() } catch { return error.description }
    return nil
  }

  @Test func bothAreCountedOnOneDisk() {
    #expect(problem(shared: true, 5_000_000, 5_000_000) == nil)
    #expect(
      problem(shared: true, 4_999_999, 4_999_999)
        == "the statistics file s and a temporary file of hidden states in \(ScratchFile.temporaryFolder) will take 5.00 MB, "
        + "but its disk has 5.00 MB left; free space or choose another path, or set TMPDIR to a folder on another disk"
    )
  }

  @Test func eachIsCountedOnItsOwnDisk() {
    #expect(problem(shared: false, 3_000_000, 2_000_000) == nil && problem(shared: false, nil, nil) == nil)
    #expect(
      problem(shared: false, 1_000_000, 2_000_000)
        == "the statistics file s will take 3.00 MB, but its disk has 1.00 MB left; free space or choose another path"
    )
    #expect(
      problem(shared: false, 3_000_000, 1_000_000)
        == "the statistics file s needs a temporary file of hidden states in \(ScratchFile.temporaryFolder), which will take "
        + "2.00 MB, but its disk has 1.00 MB left; free space or set TMPDIR to a folder on another disk")
  }
}
