import QuireConversion
import QuireModelFiles
import QuireTensors
import QuireText

/// Measures the sensitivity of a checkpoint, except where an earlier run has kept it.
struct SensitivityMeasurement {
  let source: ModelSource
  let chatFormat: ChatFormatOverride?
  let compute: Compute
  let store: ResultStore
  let programVersion: String

  func run(
    onProgress: (_ done: Int, _ total: Int) -> Void
  ) throws(EvaluationError) -> SensitivityReport {
    let checkpoint = try source.asCheckpoint()
    let (compute, chatFormat) = (compute, chatFormat)
    let survey: SensitivitySurvey
    do throws(ConversionError) {
      survey = try SensitivitySurvey(checkpoint, compute: compute, chatFormat: chatFormat)
    } catch {
      throw .conversion(error.description)
    }
    var key = ResultKey("sensitivity", programVersion: programVersion)
    key["model"] = try source.identity()
    key["text"] = Digest.of(survey.sequences)
    if let kept = store.value(key).flatMap(SensitivityReport.init(json:)) { return kept }
    // The survey takes an escaping closure; this one does not escape, so it is lent.
    let outcome = withoutActuallyEscaping(onProgress) { onProgress -> Result<Survey, ConversionError> in
      do throws(ConversionError) {
        return .success(try survey.run(progress: onProgress))
      } catch {
        return .failure(error)
      }
    }
    let result: Survey
    do throws(ConversionError) { result = try outcome.get() } catch {
      throw .conversion(error.description)
    }
    let report = SensitivityReport(result, text: survey.textName, tokenCount: survey.tokenCount)
    try store.keep(report.json, key)
    return report
  }
}
