// Runs a prompt on this page: its tokens as they come, and a button that cancels it.

import { call, idempotencyKey, json, Problem, showProblem } from "./api.js";
import { follow } from "./events.js";
import { duration, localTime } from "./words.js";

const $ = (id) => document.getElementById(id);
const form = $("prompt-form");
let current = null;

function body() {
  const given = new FormData(form);
  const temperature = given.get("temperature");
  return {
    model: given.get("model"),
    input: { prompt: given.get("prompt") },
    params: { max_tokens: Number(given.get("max_tokens")), ...(temperature === "" ? {} : { temperature: Number(temperature) }) },
    priority: "interactive",
  };
}

function stand(words) {
  $("standing").textContent = words;
}

function begin() {
  $("problem").replaceChildren();
  $("output").replaceChildren();
  $("output").classList.add("running");
  $("figures").hidden = true;
  $("run").disabled = true;
  stand("Submitting…");
}

function end() {
  current = null;
  $("output").classList.remove("running");
  $("run").disabled = false;
  $("cancel").hidden = true;
  $("cancel").disabled = false;
}

function figures(job) {
  const { timing = {}, usage = {} } = job;
  const line = $("figures");
  line.textContent = [
    `queue wait ${duration(timing.queue_wait_s)}`, `TTFT ${duration(timing.ttft_s)}`, `TPOT ${duration(timing.tpot_s)}`,
    `time to result ${duration(timing.time_to_result_s)}`, `${usage.completion_tokens ?? 0} tokens`,
  ].join(" · ") + " · ";
  const link = document.createElement("a");
  link.href = `/jobs/${job.id}`;
  link.textContent = "timeline";
  line.append(link);
  line.hidden = false;
}

function listed(job, prompt) {
  const row = $("job-row")?.content.firstElementChild.cloneNode(true);
  if (!row) return () => {};
  const link = row.querySelector("a");
  link.href = `/jobs/${job.id}`;
  link.textContent = prompt.slice(0, 160);
  row.cells[2].textContent = job.model;
  row.querySelector("time").dateTime = job.created_at;
  row.querySelector("time").textContent = localTime(new Date(job.created_at));
  $("jobs").prepend(row);
  $("no-jobs")?.remove();
  return (now) => {
    const state = row.querySelector(".state");
    state.textContent = now.status;
    state.className = `state ${now.status}`;
    if (now.timing) row.cells[4].textContent = duration(now.timing.time_to_result_s);
    if (now.progress) row.cells[5].textContent = now.progress.completion_tokens;
  };
}

function tell(job) {
  const ends = { succeeded: "Done.", cancelled: "Cancelled.", failed: "It failed.", expired: "It ran out of time." };
  stand(ends[job.status] ?? (job.status === "running" ? "Running…" : "Waiting for its turn…"));
  if (job.error && job.status !== "cancelled") showProblem($("problem"), new Problem(job.error, job.error.status));
}

async function run() {
  const asked = body();
  begin();
  try {
    const job = await json("/v1/jobs", { method: "POST", body: asked, headers: { "Idempotency-Key": idempotencyKey() } });
    const update = listed(job, asked.input.prompt);
    update(job);
    current = job.id;
    $("cancel").hidden = false;
    tell(job);
    for await (const { name, data } of follow(job.id)) {
      if (name === "token") {
        $("output").append(data.text);
      } else {
        update(data);
        tell(data);
      }
      if (name === "final") figures(data);
    }
  } catch (problem) {
    stand("");
    showProblem($("problem"), problem);
  } finally {
    end();
  }
}

async function cancel() {
  if (!current || $("cancel").disabled) return;
  $("cancel").disabled = true;
  stand("Cancelling…");
  try {
    await call(`/v1/jobs/${current}/cancel`, { method: "POST" });
  } catch (problem) {
    $("cancel").disabled = false;
    showProblem($("problem"), problem);
  }
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!$("run").disabled) run();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
  });
  $("cancel").addEventListener("click", cancel);
  $("model").addEventListener("change", () => {
    const most = Number($("model").selectedOptions[0].dataset.mostTokens);
    $("max_tokens").max = most;
    if (Number($("max_tokens").value) > most) $("max_tokens").value = most;
  });
}
