import ExceptionShim
import Fibril
import Testing

/// C++ keeps the exceptions that a thread handles in the thread; they belong to the fibril.
@Suite struct ExceptionTests {
  @Test func exceptionsBeingHandledBelongToTheFibril() throws {
    let values = try onTask { task in
      final class Values { var seen: [CInt] = [] }
      let values = Values()
      for value in CInt(1)...3 {
        try task.spawn {
          for round in CInt(0)..<10 {
            // The later ones leave their handlers first, and in the middle of the others'.
            var yields = 4 - value
            let again = unsafe exception_shim_handle(
              10 * value + round,
              { yields in
                let yields = unsafe yields!.assumingMemoryBound(to: CInt.self)
                while unsafe yields.pointee > 0 {
                  unsafe yields.pointee -= 1
                  Fibril.yield()
                }
              }, &yields)
            if again != 10 * value + round { values.seen.append(again) }
          }
          values.seen.append(value)
        }
      }
      task.joinAll()
      return values.seen.sorted()
    }
    #expect(values == [1, 2, 3])
  }
}
