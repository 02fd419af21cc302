// Follows a job that has not ended; when its state changes, its page is drawn anew.

import { showProblem } from "./api.js";
import { follow } from "./events.js";

const output = document.getElementById("output");

async function run() {
  output.classList.add("running");
  for await (const event of follow(output.dataset.jobId, { after: Number(output.dataset.after) })) {
    if (event.name === "token") output.append(event.data.text);
    else if (event.name === "status" || event.name === "final") break;
  }
  location.reload();
}

if (output) {
  run().catch((problem) => {
    const place = document.createElement("div");
    output.classList.remove("running");
    output.before(place);
    showProblem(place, problem);
  });
}
