/// What every page has around its sections: head, style and title.
enum PageFrame {
  static func html(title: String, body: [Markup?]) -> String {
    let head: [Markup] = [
      .tag("meta", [("charset", "utf-8")], []),
      .tag("meta", [("name", "viewport"), ("content", "width=device-width, initial-scale=1")], []),
      // Whatever text is in the page, nothing is loaded or run.
      .tag(
        "meta",
        [
          ("http-equiv", "Content-Security-Policy"),
          ("content", "default-src 'none'; style-src 'unsafe-inline'"),
        ], []),
      .tag("title", [], title), .style(PageStyle.rules),
    ]
    let page = Markup.tag(
      "html", [("lang", "en")], .tag("head", [], head),
      .tag("body", [], [.tag("h1", [], title)] + body.compactMap { $0 }))
    return "<!doctype html>\n" + page.html + "\n"
  }
}
