import Foundation
import QuireConversion

/// A progress bar for the survey and one for the trials of repair, and the seconds of each.
final class SurveyProgress {
  private var bars: StageProgress
  private var stage = WorkStage.survey
  private var begin = Date()
  private var finished: [WorkStage: Double] = [:]

  init(quiet: Bool) { bars = StageProgress(quiet: quiet) }

  func update(_ stage: WorkStage, _ done: Int, _ total: Int) {
    if stage != self.stage {
      finished = seconds()
      (self.stage, begin) = (stage, Date())
    }
    bars.update(stage.title, done, total)
  }

  /// Seconds by stage until now.
  func seconds() -> [WorkStage: Double] {
    finished.merging([stage: Date().timeIntervalSince(begin)], uniquingKeysWith: +)
  }

  func close() { bars.close() }
}
