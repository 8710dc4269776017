// Where the tracks of a task's living fibrils lie: in an array, found by id, with the places of the dead used again.

struct FibrilStore {
  private var tracks: ContiguousArray<FibrilTrack> = []
  private var places: [UInt64: Int] = [:]
  private var free: [Int] = []

  /// The fibril's place, good until a fibril is inserted or removed.
  func place(of fibril: UInt64) -> Int? {
    places[fibril]
  }

  subscript(place: Int) -> FibrilTrack {
    _read { yield tracks[place] }
    _modify { yield &tracks[place] }
  }

  var count: Int { places.count }

  /// The ids of all fibrils, in order.
  var fibrils: [UInt64] {
    places.keys.sorted()
  }

  /// The same in whatever order.
  var unordered: some Sequence<UInt64> {
    places.keys
  }

  /// Shows all, in whatever order.
  func visit(_ body: (UInt64, FibrilTrack) -> Void) {
    for (fibril, place) in places { body(fibril, tracks[place]) }
  }

  @discardableResult
  mutating func insert(_ fibril: UInt64, _ track: FibrilTrack) -> Int {
    let place: Int
    if let last = free.popLast() {
      place = last
      tracks[place] = track
    } else {
      place = tracks.count
      tracks.append(track)
    }
    places[fibril] = place
    return place
  }

  /// Forgets a fibril, and gives memory back when most are gone.
  mutating func remove(_ fibril: UInt64) {
    guard let place = places.removeValue(forKey: fibril) else { return }
    free.append(place)
    if tracks.count > 4096, places.count < tracks.count / 8 { shrink() }
  }

  private mutating func shrink() {
    var smaller = FibrilStore()
    smaller.tracks.reserveCapacity(places.count * 2)
    smaller.places.reserveCapacity(places.count * 2)
    for (fibril, place) in places { smaller.insert(fibril, tracks[place]) }
    self = smaller
  }
}
