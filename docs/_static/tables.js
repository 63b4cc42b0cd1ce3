/* Show a table that is wider than the page as stacked rows, with the name of its column before each cell. */
const tables = document.querySelectorAll("article table:not(.autosummary):not(.field-list)");

const label = (table) => {
  const names = [...(table.tHead?.rows[0]?.cells ?? [])].map((cell) => cell.textContent.trim());
  for (const row of table.tBodies[0]?.rows ?? [])
    [...row.cells].forEach((cell, i) => (cell.dataset.column = names[i] ?? ""));
};

const fit = () => {
  for (const table of tables) {
    table.classList.remove("stacked");
    const box = table.parentElement;
    if (table.getBoundingClientRect().right > box.getBoundingClientRect().right + 1) table.classList.add("stacked");
  }
};

tables.forEach(label);
fit();
addEventListener("resize", fit);
document.fonts.ready.then(fit);
