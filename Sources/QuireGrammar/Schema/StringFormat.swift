/// The values of `format` that strings can be held to, as expressions. Each matches only texts of its format, though not
/// all: dates without 29 February, IPv6 addresses without `::`, and those for any script in ASCII.
enum StringFormat {
  /// The years that dates of Python have: 0001 to 9999.
  private static let year = #"(\d{3}[1-9]|\d{2}[1-9]0|\d[1-9]00|[1-9]000)"#
  private static let date =
    #"\#(year)-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"#
  private static let time = #"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"#
  private static let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
  private static let hostname = #"\#(label)(\.\#(label)){0,5}"#
  private static let byte = #"(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])"#
  private static let hourPart = #"T(\d{1,9}H(\d{1,9}M(\d{1,9}S)?)?|\d{1,9}M(\d{1,9}S)?|\d{1,9}S)"#
  private static let dayPart = #"(\d{1,9}Y(\d{1,9}M(\d{1,9}D)?)?|\d{1,9}M(\d{1,9}D)?|\d{1,9}D)"#
  private static let ipv4 = #"\#(byte)(\.\#(byte)){3}"#
  private static let ipv6 = "([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}"
  private static let email = #"[A-Za-z0-9_+-]{1,32}(\.[A-Za-z0-9_+-]{1,32}){0,3}@\#(hostname)"#

  private static let urlCharacters = #"[A-Za-z0-9._~/@!$&'()*+,;=:-]"#
  private static let urlEnd = #"(\?\#(urlCharacters)*)?(#\#(urlCharacters)*)?"#
  private static let uri = #"[a-z][a-z0-9+.-]*:\#(urlCharacters)+\#(urlEnd)"#
  /// Without a colon, which would end a scheme, and without `//` at its beginning, which a host would follow.
  private static let relativePath = #"(/|/?[A-Za-z0-9._~@!$&'()*+,;=-][A-Za-z0-9._~/@!$&'()*+,;=-]*)?"#
  private static let reference = "(\(uri)|\(relativePath)\(urlEnd))"

  static let expressions = [
    "date": date,
    "time": time,
    "date-time": "\(date)T\(time)",
    "duration": "P(\(dayPart)(\(hourPart))?|\(hourPart)|\\d{1,9}W)",
    "email": email,
    "idn-email": email,
    "hostname": hostname,
    "idn-hostname": hostname,
    "ipv4": ipv4,
    "ipv6": ipv6,
    // pydantic's.
    "ipvanyaddress": "(\(ipv4)|\(ipv6))",
    "uuid": "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "ulid": "[0-7][0-9A-HJKMNP-TV-Z]{25}",
    "uri": uri,
    "url": uri,
    "iri": uri,
    "uri-reference": reference,
    "iri-reference": reference,
    "json-pointer": "(/([^~/]|~[01])*)*",
  ]

  static var names: String { expressions.keys.sorted().joined(separator: ", ") }
}
