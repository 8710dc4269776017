// Building and refilling elements. Texts go in as text alone, and only where they changed, so that a selection, the
// focus and a screen reader's place survive a refill.

export const $ = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

export function makeSVG(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/** Control and format characters would hide or turn round what stands beside a foreign name. */
export function foreign(text) {
  return String(text ?? "").slice(0, 200).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\u{fffd}");
}

/** Exactly `count` children, the missing ones made by `build`. */
export function keepChildren(parent, count, build) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(build(parent.children.length));
  return parent.children;
}

/**
 * The rows of a table's body. A cell is {text}, with `number: true` where it aligns right, `title`, `class`, `href` for
 * a link, `bar` (0 to 1) for a bar behind the text, or `draw(svg)` for a picture.
 */
export function fillRows(body, rows, empty) {
  if (rows.length === 0) {
    const columns = body.parentElement.tHead.rows[0].cells.length;
    if (body.dataset.empty !== empty) {
      body.dataset.empty = empty;
      body.replaceChildren(make("tr", {}, make("td", { colspan: columns, class: "empty" }, empty)));
    }
    return;
  }
  if (body.dataset.empty !== undefined) {
    delete body.dataset.empty;
    body.replaceChildren();
  }
  const elements = keepChildren(body, rows.length, () => make("tr"));
  rows.forEach((row, index) => {
    const cells = keepChildren(elements[index], row.length, (column) =>
      column === 0 ? make("th", { scope: "row" }) : make("td"));
    row.forEach((cell, column) => fillCell(cells[column], cell));
  });
}

function fillCell(element, cell) {
  setAttributes(element, {
    class: [cell.number && "number", cell.bar !== undefined && "bar", cell.class].filter(Boolean).join(" ") || null,
    title: cell.title ?? null,
  });
  if (cell.draw) {
    if (element.firstElementChild?.tagName !== "svg") element.replaceChildren(makeSVG("svg", { class: "spark" }));
    cell.draw(element.firstElementChild);
  } else if (cell.href) {
    if (element.firstElementChild?.tagName !== "A") element.replaceChildren(make("a"));
    setAttributes(element.firstElementChild, { href: cell.href });
    setText(element.firstElementChild, cell.text);
  } else if (cell.bar !== undefined) {
    if (element.firstElementChild?.tagName !== "SPAN") {
      element.replaceChildren(make("span", { class: "track", "aria-hidden": "true" }, make("i")), make("b"));
    }
    element.firstElementChild.firstElementChild.style.width = `${Math.min(1, cell.bar) * 100}%`;
    setText(element.lastElementChild, cell.text);
  } else {
    setText(element, cell.text);
  }
}

/** The options of a select: [value, text] pairs, or {label, options} for a group. The choice stays where it can. */
export function fillSelect(select, items) {
  const wanted = JSON.stringify(items);
  if (select.dataset.items === wanted) return;
  select.dataset.items = wanted;
  const chosen = select.value;
  const option = ([value, text]) => {
    const element = make("option", {}, text);
    element.value = value;
    return element;
  };
  select.replaceChildren(
    ...items.map((item) =>
      Array.isArray(item) ? option(item) : make("optgroup", { label: item.label }, ...item.options.map(option))));
  select.value = chosen;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}
