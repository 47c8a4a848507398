// Follows a run: each message is the whole content of the page as it is now. What the reader has opened stays open.
"use strict";
const run = document.getElementById("run");
const connection = document.getElementById("connection");
const opened = () => new Set([...run.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent.replace(/\d+/g, "")));
const source = new EventSource("events");
source.addEventListener("run", (message) => {
  const stays = opened();
  run.innerHTML = JSON.parse(message.data);
  for (const summary of run.querySelectorAll("details > summary")) {
    if (stays.has(summary.textContent.replace(/\d+/g, ""))) summary.parentElement.open = true;
  }
  connection.hidden = true;
});
source.addEventListener("over", () => {
  source.close();
  connection.textContent = "This run is over; the page stays in the cluster's folder as report.html.";
  connection.hidden = false;
});
source.addEventListener("error", () => {
  connection.textContent = "The engine does not answer any more: what is shown may be old.";
  connection.hidden = false;
});
