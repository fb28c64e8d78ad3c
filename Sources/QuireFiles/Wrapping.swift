/// The value of `body`; an error of another module becomes one of the caller's by `wrap`.
///
///     let layer = try wrapping(ConversionError.model, try loader.layer(0))
package func wrapping<Value, Cause: Error, Failure: Error>(
  _ wrap: (Cause) -> Failure, _ body: @autoclosure () throws(Cause) -> Value
) throws(Failure) -> Value {
  do throws(Cause) {
    return try body()
  } catch {
    throw wrap(error)
  }
}
