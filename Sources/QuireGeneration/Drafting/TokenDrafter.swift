import QuireScheduling

/// Weights that draft: a draft model (`DraftModel`) or a draft head (`HeadDrafter`).
///
/// For each step, in this order: `release` of each preempted request, `limit` and `backlog` of each text, `run`, the target's
/// forward pass, `take`. Must not allocate but when a request is new to it.
protocol TokenDrafter: AnyObject {
  /// Rows computed so far.
  var rowCount: Int { get }

  /// Whether it computes the rows of all texts, also of those that it does not draft for.
  var followsTarget: Bool { get }

  /// Drafts that can be had for a text at most; at most 0 for none.
  func limit(of text: DraftText) -> Int

  /// Rows that must be computed before the text can be drafted for, at least 1.
  func backlog(of text: DraftText, blocks: [Int32]) -> Int

  /// Proposes drafts, and computes known tokens for later ones. Returns the passes, whose times must be recorded.
  func run(
    _ wanted: [DraftJob], for list: [DraftText], plan: StepPlan, into proposals: inout DraftProposals
  ) -> [DraftPass]

  /// The target has computed the plan's rows; the tokens that it chooses are not known yet.
  func take(_ plan: StepPlan, requests: [UInt64: ActiveRequest])

  /// The request has lost its blocks, and is new when it comes again. Does nothing for one that is not known.
  func release(_ id: UInt64)

  /// The next steps are not taken, so the present requests get no more drafts.
  func forgetRows()

  /// The request, of these tokens, has ended.
  func end(_ id: UInt64, tokens: [Int32])
}

/// The drafting of one text in a step.
struct DraftJob {
  let textIndex: Int
  /// Drafts to propose; 0 to compute known tokens only.
  let count: Int
  /// Known tokens to compute in the first pass: all of them, if drafts follow.
  let rowCount: Int
}

/// The size and time of a drafter's pass.
struct DraftPass {
  let rowCount: Int
  let seconds: Double
}
