/// Parks at the bottom of a stack of `deep` functions whose names alternate, so that a dump of it can
/// be checked: levelEven, levelOdd, levelEven ... parkHere.
func parkInFunctions(deep: Int, _ room: WaitingRoom) {
  if deep <= 1 {
    parkHere(room)
  } else if deep % 2 == 0 {
    levelEven(deep - 1, room)
  } else {
    levelOdd(deep - 1, room)
  }
}

@inline(never)
private func levelEven(_ left: Int, _ room: WaitingRoom) {
  if left <= 1 { parkHere(room) } else { levelOdd(left - 1, room) }
  keepFrame("even")
}

@inline(never)
private func levelOdd(_ left: Int, _ room: WaitingRoom) {
  if left <= 1 { parkHere(room) } else { levelEven(left - 1, room) }
  keepFrame("odd")
  keepFrame("once more, or the compiler merges what is so alike")
}

@inline(never)
private func parkHere(_ room: WaitingRoom) {
  room.park()
  keepFrame("bottom")
}

/// Something to do after the call, so that no frame is replaced by a jump.
@inline(never)
@_optimize(none)
func keepFrame(_ where: StaticString) {}
