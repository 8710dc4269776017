import Fibril

/// Yields at the top of named functions, of which worker N stands on 1 + N % depth: whoever looks at a
/// stack knows from the fibril's name what it may be, at any moment.
struct ClimbWork: Work {
  let depth: Int

  func blockOnce(_ index: Int) {
    let steps = 1 + index % depth
    if steps % 2 == 0 { stepEven(steps) } else { stepOdd(steps) }
  }
}

/// stepOdd calls stepEven calls stepOdd ... calls summit.
@inline(never)
private func stepEven(_ left: Int) {
  stepOdd(left - 1)
  keepFrame("even step")
}

@inline(never)
private func stepOdd(_ left: Int) {
  if left <= 1 { summit() } else { stepEven(left - 1) }
  keepFrame("odd step")
  keepFrame("unlike an even step")
}

@inline(never)
private func summit() {
  Fibril.yield()
  keepFrame("summit")
}

/// Submits another fibril that yields once, and waits for its end: entries and stacks are used again and
/// again.
struct SpawnWork: Work {
  func blockOnce(_ index: Int) {
    let child = try! Fibril.spawn(name: "child") { childLife() }
    try! child.join()
  }
}

@inline(never)
private func childLife() {
  Fibril.yield()
  keepFrame("child")
}
