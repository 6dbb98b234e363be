// The pages work without this file. It folds the filters away where there is little room, and tells
// people who cannot see it how many rows a filter leaves.
"use strict";

function fold() {
  const filters = document.querySelector("details.narrow");
  if (filters && window.matchMedia("(max-width: 860px)").matches) filters.open = false;
}

function announce(text) {
  const status = document.getElementById("announced");
  if (status) status.textContent = text;
}

document.addEventListener("DOMContentLoaded", fold);
document.addEventListener("htmx:afterSettle", () => {
  const count = document.querySelector("#list .count p");
  if (count) announce(count.textContent.trim());
});
for (const fault of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(fault, () => {
    announce("The service did not answer. What is shown is from before.");
  });
}
