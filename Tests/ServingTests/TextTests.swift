// The pure parts: formats asked for, the older format, events, dates.

import Testing

@testable import Serving

@Suite struct TextTests {
  @Test func openMetricsIsSentToThoseWhoNameIt() {
    let wanted = [
      "application/openmetrics-text", "Application/OpenMetrics-Text; version=1.0.0; charset=utf-8",
      "text/plain;q=0.5, application/openmetrics-text;q=0.5", "text/plain; q=0.999,application/openmetrics-text",
      "application/openmetrics-text;q=0.001",
    ]
    for accept in wanted { #expect(Accept.wantsOpenMetrics(accept.split(separator: ",")), "\(accept)") }
    let others = [
      "", "*/*", "text/plain", "text/html,application/xhtml+xml,*/*;q=0.8", "application/openmetrics-text;q=0",
      "application/openmetrics-text;q=0.000", "application/openmetrics-text;q=x", "application/openmetrics-text;q=2",
      "application/openmetrics-text;q=0.4,text/plain;q=0.5", "application/openmetrics-text;q=0.1234",
      "application/openmetrics-textual", ";;;",
    ]
    for accept in others { #expect(!Accept.wantsOpenMetrics(accept.split(separator: ",")), "\(accept)") }
  }

  @Test func theOlderFormatNamesFamiliesLikeTheirSamples() {
    let openMetrics = """
      # TYPE a_seconds counter
      # UNIT a_seconds seconds
      # HELP a_seconds What a took.
      a_seconds_total{pid="1",b="# TYPE x"} 1.5
      # HELP build A build.
      # TYPE build info
      build_info{version="1"} 1
      # TYPE c gauge
      c 2
      # TYPE d_seconds histogram
      d_seconds_bucket{le="+Inf"} 1
      # TYPE e unknown
      e 1
      # EOF

      """
    let plain = """
      # TYPE a_seconds_total counter
      # HELP a_seconds_total What a took.
      a_seconds_total{pid="1",b="# TYPE x"} 1.5
      # HELP build_info A build.
      # TYPE build_info gauge
      build_info{version="1"} 1
      # TYPE c gauge
      c 2
      # TYPE d_seconds histogram
      d_seconds_bucket{le="+Inf"} 1
      # TYPE e untyped
      e 1

      """
    #expect(String(decoding: PlainMetrics.text([UInt8](openMetrics.utf8)), as: UTF8.self) == plain)
  }

  @Test func datesAreAsHTTPWritesThem() {
    #expect(Answer.date(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(Answer.date(951_827_696) == "Tue, 29 Feb 2000 12:34:56 GMT")
  }

  @Test func countsAreKeptInTheOrderOfCodes() {
    var counts = HTTPCounts()
    for code in [200, 503, 404, 200] { counts.add(code: code) }
    #expect(counts.requests.map(\.code) == [200, 404, 503])
    #expect(counts.requests.map(\.count) == [2, 1, 1])
  }
}
