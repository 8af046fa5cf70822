"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const rows = all("details.row");
  const form = document.getElementById("filters");
  const root = document.documentElement;

  const remember = (value) => { try { localStorage.setItem("kms-e2e-theme", value); } catch { /* a file may have no storage */ } };
  const remembered = () => { try { return localStorage.getItem("kms-e2e-theme"); } catch { return null; } };
  const asked = new URLSearchParams(location.search).get("theme") || remembered();
  if (asked === "dark" || asked === "light") root.dataset.theme = asked;
  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    remember(root.dataset.theme);
  });

  const chosen = (name) => new Set([...form.querySelectorAll(`input[name=${name}]:checked`)].map((box) => box.value));
  const filter = () => {
    const words = document.getElementById("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = ["outcome", "level", "family"].map((name) => [name, chosen(name)]);
    let shown = 0;
    for (const row of rows) {
      const fits = wanted.every(([name, set]) => !set.size || set.has(row.dataset[name]))
        && words.every((word) => row.dataset.words.includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    const filtering = words.length > 0 || wanted.some(([, set]) => set.size);
    for (const rest of all("details.rest")) {
      rest.hidden = !rest.querySelector("details.row:not([hidden])");
      rest.open = filtering && !rest.hidden;
    }
    for (const group of all("[data-family-group]")) group.hidden = !group.querySelector("details.row:not([hidden])");
    document.getElementById("shown").textContent = `${shown} shown`;
    document.getElementById("nothing").hidden = shown > 0 || !rows.length;
  };
  form.hidden = !rows.length;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  const openAll = document.getElementById("open-all");
  openAll.addEventListener("click", () => {
    const open = openAll.textContent === "Open all";
    for (const row of rows) if (!row.hidden && !row.closest("details.rest:not([open])")) row.open = open;
    openAll.textContent = open ? "Close all" : "Open all";
  });

  const reveal = () => {
    const row = rows.find((row) => `#${row.id}` === decodeURIComponent(location.hash));
    if (!row) return;
    if (row.hidden) { form.reset(); filter(); }
    const rest = row.closest("details.rest");
    if (rest) rest.open = true;
    row.open = true;
    row.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", reveal);
  reveal();

  for (const button of all("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
  addEventListener("beforeprint", () => { for (const row of rows) if (row.matches(".failed, .error")) row.open = true; });
})();
