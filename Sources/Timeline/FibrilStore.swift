// Where the tracks of a task's living fibrils lie: in an array, found by id, with the places of the dead used again.

struct FibrilStore {
  private var tracks: ContiguousArray<FibrilTrack> = []
  private var places = FibrilPlaces()
  private var free: [Int] = []

  /// The fibril's place, good until a fibril is inserted or removed.
  @inline(__always)
  func place(of fibril: UInt64) -> Int? {
    places[fibril]
  }

  subscript(place: Int) -> FibrilTrack {
    _read { yield tracks[place] }
    _modify { yield &tracks[place] }
  }

  /// One that is not among them has a label all the same.
  @inline(__always)
  func label(of fibril: UInt64) -> FibrilLabel {
    guard let place = place(of: fibril) else { return FibrilLabel(fibril: fibril, kind: .unknown) }
    return tracks[place].label(fibril)
  }

  var count: Int { places.count }

  /// The ids of all fibrils, in order.
  var fibrils: [UInt64] {
    unordered.sorted()
  }

  /// The same in whatever order.
  var unordered: [UInt64] {
    var ids: [UInt64] = []
    ids.reserveCapacity(count)
    visit { fibril, _ in ids.append(fibril) }
    return ids
  }

  /// Shows all, in whatever order.
  func visit(_ body: (UInt64, FibrilTrack) -> Void) {
    places.visit { body($0, tracks[$1]) }
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
    places.insert(fibril, at: place)
    return place
  }

  /// Forgets a fibril, and gives memory back when most are gone.
  mutating func remove(_ fibril: UInt64) {
    guard let place = places.remove(fibril) else { return }
    free.append(place)
    if tracks.count > 4096, places.count < tracks.count / 8 { shrink() }
  }

  private mutating func shrink() {
    var smaller = FibrilStore()
    smaller.tracks.reserveCapacity(places.count * 2)
    places.visit { smaller.insert($0, tracks[$1]) }
    self = smaller
  }
}
