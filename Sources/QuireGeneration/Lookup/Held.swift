/// A value in a dictionary that is changed in every step.
///
/// Changing a struct in a dictionary through its subscript allocates a coroutine frame each time; a class is looked up
/// and changed without.
final class Held<Value> {
  var value: Value

  init(_ value: Value) { self.value = value }
}
