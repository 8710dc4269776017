// The table of fibrils is a dictionary.
import Testing

@testable import Timeline

@Suite struct FibrilPlacesTests {
  @Test(arguments: 1...50) func isLikeADictionary(seed: UInt64) {
    var random = Random(seed: seed)
    var places = FibrilPlaces()
    var truth: [UInt64: Int] = [:]
    // Few ids, so that they come again, and some at the ends of their range.
    func id() -> UInt64 {
      random.chance(5) ? .max - UInt64(random.below(3)) : UInt64(random.below(400)) << UInt64(seed % 48)
    }
    for step in 0..<5000 {
      let fibril = id()
      if random.chance(step < 2500 ? 60 : 30) {
        if truth[fibril] == nil {
          places.insert(fibril, at: step)
          truth[fibril] = step
        }
      } else {
        #expect(places.remove(fibril) == truth.removeValue(forKey: fibril))
      }
      #expect(places.count == truth.count)
      let other = id()
      #expect(places[other] == truth[other])
    }
    var seen: [UInt64: Int] = [:]
    places.visit { seen[$0] = $1 }
    #expect(seen == truth)
  }

  @Test func isFoundAmongAMillion() {
    var places = FibrilPlaces()
    for fibril in 0..<1_000_000 { places.insert(UInt64(fibril), at: fibril) }
    #expect((0..<1_000_000).allSatisfy { places[UInt64($0)] == $0 })
    #expect(places[1_000_000] == nil)
  }
}
