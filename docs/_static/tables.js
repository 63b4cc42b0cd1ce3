/* Show a table that is wider than the page in smaller type or, if this is not enough, as stacked rows, with the name of
   its column before each cell. */
const tables = document.querySelectorAll("article table:not(.autosummary):not(.field-list)");

const label = (table) => {
  const names = [...(table.tHead?.rows[0]?.cells ?? [])].map((cell) => cell.textContent.trim());
  for (const row of table.tBodies[0]?.rows ?? [])
    [...row.cells].forEach((cell, i) => (cell.dataset.column = names[i] ?? ""));
};

const isWide = (table) => table.getBoundingClientRect().right > table.parentElement.getBoundingClientRect().right + 1;

const fit = () => {
  for (const table of tables) {
    table.classList.remove("dense", "stacked");
    if (isWide(table)) table.classList.add("dense");
    if (isWide(table)) table.classList.replace("dense", "stacked");
  }
};

tables.forEach(label);
fit();
addEventListener("resize", fit);
document.fonts.ready.then(fit);
