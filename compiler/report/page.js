"use strict";
// Everything can be read without this: here tables learn to sort, rows to fold, and folded parts to open for print.
for (const table of document.querySelectorAll("table.sortable")) {
  const groups = [...table.tBodies];
  const detailed = table.classList.contains("detailed");
  const parent = detailed ? table : groups[0];
  const original = detailed ? groups : [...groups[0].rows];
  const headings = [...table.tHead.rows[0].cells];
  if (detailed) groups.forEach(fold);
  if (original.length < 2) continue;
  const end = detailed ? table.tFoot : null;
  const value = (row, column) => {
    const cell = (detailed ? row.rows[0] : row).cells[column];
    return cell.dataset.value || cell.textContent || undefined;
  };
  const sort = (column, order) => {
    headings.forEach((one) => one.removeAttribute("aria-sort"));
    if (order) headings[column].setAttribute("aria-sort", order);
    const rows = order ? sorted(original, (row) => value(row, column), order === "descending" ? -1 : 1) : original;
    for (const row of rows) parent.insertBefore(row, end);
  };
  const orders = (column) =>
    headings[column].classList.contains("number") ? ["descending", "ascending"] : ["ascending", "descending"];
  // Headings become buttons: a click sorts, the next one turns the order round, the third brings the first order back.
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      sort(column, before ? orders(column)[orders(column).indexOf(before) + 1] : orders(column)[0]);
    });
  });
  if (table.classList.contains("cards") && original.length > 5) chooser(table, headings, sort, orders);
}

// Narrow pages have no headings to click on.
function chooser(table, headings, sort, orders) {
  const label = document.createElement("label");
  const select = document.createElement("select");
  label.className = "chooser";
  label.append("Sort by ", select);
  select.append(new Option("the network's order", ""));
  headings.forEach((heading, i) => select.append(new Option(heading.textContent, String(i))));
  select.addEventListener("change", () => {
    if (select.value === "") sort(0, undefined);
    else sort(Number(select.value), orders(Number(select.value))[0]);
  });
  table.parentElement.before(label);
}

// A layer's second row has what one rarely asks for.
function fold(group) {
  const [first, more] = group.rows;
  if (!more || !more.textContent.trim()) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "fold";
  const cell = first.cells[0];
  button.append(...cell.childNodes);
  cell.append(button);
  const show = (open) => {
    more.classList.toggle("closed", !open);
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => show(more.classList.contains("closed")));
  show(false);
}

// Cells without a value come last in both orders.
function sorted(rows, value, sign) {
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    const difference = Number(a) - Number(b);
    return sign * (Number.isNaN(difference) ? a.localeCompare(b, "en", { numeric: true }) : difference);
  });
}

// What is folded away on the screen is printed.
let opened = [];
const unfold = () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((one) => (one.open = true));
};
const refold = () => opened.forEach((one) => (one.open = false));
window.addEventListener("beforeprint", unfold);
window.addEventListener("afterprint", refold);
