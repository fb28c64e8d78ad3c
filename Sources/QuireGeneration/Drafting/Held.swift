/// A box for a dictionary value that changes in every step.
///
/// Changing a struct through a dictionary's subscript allocates a coroutine frame each time; changing an object that
/// was looked up does not.
final class Held<Value> {
  var value: Value

  init(_ value: Value) { self.value = value }
}
