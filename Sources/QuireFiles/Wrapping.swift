/// The value of `body`; converts an error of another module to the caller's error type with `wrap`.
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
