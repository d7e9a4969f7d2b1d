"use strict";
// Headings become buttons: a click sorts, the next one turns the order round, the third brings the first order back.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  if (original.length < 2) continue;
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      const numbers = heading.classList.contains("number");
      const orders = numbers ? ["descending", "ascending"] : ["ascending", "descending"];
      const order = before ? orders[orders.indexOf(before) + 1] : orders[0];
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      if (order) heading.setAttribute("aria-sort", order);
      body.append(...(order ? sorted(original, column, order === "descending" ? -1 : 1) : original));
    });
  });
}

// Cells without a value come last in both orders.
function sorted(rows, column, sign) {
  const value = (row) => row.cells[column].dataset.value || row.cells[column].textContent || undefined;
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    const difference = Number(a) - Number(b);
    return sign * (Number.isNaN(difference) ? a.localeCompare(b, "en", { numeric: true }) : difference);
  });
}
