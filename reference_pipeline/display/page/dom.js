// Making and changing elements. Whatever is shown becomes text nodes: nothing here reads markup.

export const at = (id) => document.getElementById(id);

export function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// Text that stays as it was is left alone: what is not changed needs no layout.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Bring a list to as many children as there are entries, made by `make` where missing; `fill` each.
export function fillList(list, entries, make, fill) {
  while (list.childElementCount > entries.length) list.lastElementChild.remove();
  while (list.childElementCount < entries.length) list.append(make());
  entries.forEach((entry, index) => fill(list.children[index], entry));
}
