// Keeps the live part of a page fresh. The page is complete without it.
"use strict";

const live = document.getElementById("live");
const stale = document.getElementById("stale");

async function refresh() {
  try {
    const answer = await fetch(live.dataset.from, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    const selecting = document.getSelection() && !document.getSelection().isCollapsed;
    if (!selecting) live.innerHTML = text; // our own server rendered and escaped it
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
  setTimeout(refresh, document.hidden ? 10000 : 1000);
}

if (live) setTimeout(refresh, 1000);
