// The row of single figures at the head of a view.

import { keepChildren, make, setAttributes, setText } from "./page-elements.js";

/** Tiles are [name, figure, what it is of, class]. */
export function fillTiles(list, tiles) {
  const elements = keepChildren(list, tiles.length, () => make("div", {}, make("dt"), make("dd"), make("dd")));
  tiles.forEach(([name, figure, of, kind = ""], index) => {
    const [head, value, note] = elements[index].children;
    setText(head, name);
    setText(value, figure);
    setText(note, of);
    setAttributes(note, { class: "quiet" });
    setAttributes(elements[index], { class: kind || null });
  });
}
