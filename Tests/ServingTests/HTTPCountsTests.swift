// Answers are counted by code.
import Testing

@testable import Serving

@Suite struct HTTPCountsTests {
  @Test func codesAreInOrder() {
    var counts = HTTPCounts()
    for code in [200, 503, 404, 200] { counts.add(code: code) }
    #expect(counts.requests.map(\.code) == [200, 404, 503])
    #expect(counts.requests.map(\.count) == [2, 1, 1])
  }
}
