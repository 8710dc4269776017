internal import Fibril
internal import FibrilC
internal import Glibc

// The functions of fibril.h about mutexes, semaphores and conditions.

// MARK: Mutexes

@c @implementation
public func fibril_mutex_create(_ out: UnsafeMutablePointer<OpaquePointer?>?) -> Int32 {
  unsafe create(out) { FibrilMutex() }
}

@c @implementation
public func fibril_mutex_destroy(_ mutex: OpaquePointer?) -> Int32 {
  unsafe destroy(mutex) { (mutex: FibrilMutex) in mutex.isHeld }
}

@c @implementation
public func fibril_mutex_lock(_ mutex: OpaquePointer?, _ deadline: UInt64) -> Int32 {
  unsafe with(mutex) { (mutex: FibrilMutex) in
    if mutex.tryLock() { return 0 }
    guard !mutex.isHeldByCaller else { return -EDEADLK }
    return result { () throws(WaitError) in try mutex.lock(until: Deadline(nanoseconds: deadline)) }
  }
}

@c @implementation
public func fibril_mutex_try_lock(_ mutex: OpaquePointer?) -> Int32 {
  unsafe with(mutex) { (mutex: FibrilMutex) in mutex.tryLock() ? 0 : -EBUSY }
}

@c @implementation
public func fibril_mutex_unlock(_ mutex: OpaquePointer?) -> Int32 {
  unsafe with(mutex) { (mutex: FibrilMutex) in mutex.tryUnlock() ? 0 : -EPERM }
}

// MARK: Semaphores

@c @implementation
public func fibril_semaphore_create(_ permits: UInt64, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> Int32 {
  guard let permits = Int(exactly: permits) else { return -EINVAL }
  return unsafe create(out) { FibrilSemaphore(permits: permits) }
}

@c @implementation
public func fibril_semaphore_destroy(_ semaphore: OpaquePointer?) -> Int32 {
  unsafe destroy(semaphore) { (semaphore: FibrilSemaphore) in semaphore.hasWaiters }
}

@c @implementation
public func fibril_semaphore_acquire(_ semaphore: OpaquePointer?, _ deadline: UInt64) -> Int32 {
  unsafe with(semaphore) { (semaphore: FibrilSemaphore) in
    result { () throws(WaitError) in try semaphore.acquire(until: Deadline(nanoseconds: deadline)) }
  }
}

@c @implementation
public func fibril_semaphore_try_acquire(_ semaphore: OpaquePointer?) -> Int32 {
  unsafe with(semaphore) { (semaphore: FibrilSemaphore) in semaphore.tryAcquire() ? 0 : -EAGAIN }
}

@c @implementation
public func fibril_semaphore_release(_ semaphore: OpaquePointer?) -> Int32 {
  unsafe with(semaphore) { (semaphore: FibrilSemaphore) in
    semaphore.release()
    return 0
  }
}

// MARK: Conditions

@c @implementation
public func fibril_condition_create(_ out: UnsafeMutablePointer<OpaquePointer?>?) -> Int32 {
  unsafe create(out) { FibrilCondition() }
}

@c @implementation
public func fibril_condition_destroy(_ condition: OpaquePointer?) -> Int32 {
  unsafe destroy(condition) { (condition: FibrilCondition) in condition.hasWaiters }
}

@c @implementation
public func fibril_condition_wait(_ condition: OpaquePointer?, _ mutex: OpaquePointer?, _ deadline: UInt64) -> Int32 {
  unsafe with(condition) { (condition: FibrilCondition) in
    unsafe with(mutex) { (mutex: FibrilMutex) in
      guard mutex.isHeldByCaller else { return -EPERM }
      return result { () throws(WaitError) in try condition.wait(mutex, until: Deadline(nanoseconds: deadline)) }
    }
  }
}

@c @implementation
public func fibril_condition_signal(_ condition: OpaquePointer?) -> Int32 {
  unsafe with(condition) { (condition: FibrilCondition) in
    condition.signal()
    return 0
  }
}

@c @implementation
public func fibril_condition_broadcast(_ condition: OpaquePointer?) -> Int32 {
  unsafe with(condition) { (condition: FibrilCondition) in
    condition.broadcast()
    return 0
  }
}
