// Looks at the system every two seconds; rates are differences between two looks.

import { json, showProblem } from "./api.js";
import { bar, columns, drawLine, el, histogram, percentile } from "./charts.js";
import { duration } from "./words.js";

const LOOK_MS = 2000;
const LOOKS_PER_LATELY = 5;
const KEPT_SECONDS = 300;
const RATE_SECONDS = 10;
const BOUNDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const MEASURES = [["queue_wait_s", "queue wait"], ["ttft_s", "TTFT"], ["tpot_s", "TPOT"], ["time_to_result_s", "time to result"]];
const STORED = "frontier-looks";

const $ = (id) => document.getElementById(id);
let looks = JSON.parse(sessionStorage.getItem(STORED) ?? "[]");

function state(value) {
  return el("span", { class: `state ${value}` }, value);
}

function cell(label, child, kind = "") {
  return el("td", { "data-label": label, class: kind }, child);
}

function remember(now) {
  const jobs = Object.values(now.ended).reduce((sum, count) => sum + count, 0);
  const last = looks.at(-1);
  if (last && (now.completion_tokens < last.tokens || jobs < last.jobs)) looks = []; // the day before yesterday has left
  looks.push({ at: now.at, tokens: now.completion_tokens, jobs });
  looks = looks.filter((look) => look.at > now.at - KEPT_SECONDS - RATE_SECONDS);
  sessionStorage.setItem(STORED, JSON.stringify(looks));
}

/** For each look the rate of what has grown in the seconds before it. */
function rates(what) {
  const end = looks.at(-1).at;
  return looks.slice(1).map((look) => {
    const before = looks.find((one) => one.at >= look.at - RATE_SECONDS);
    return [1 - (end - look.at) / KEPT_SECONDS, Math.max(0, look[what] - before[what]) / Math.max(0.5, look.at - before.at)];
  }).filter(([x]) => x >= 0);
}

function drawRate(what, chart, figure, unit) {
  const points = rates(what);
  const rate = points.at(-1)?.[1];
  $(figure).textContent = rate === undefined ? "–" : rate.toFixed(rate < 10 ? 1 : 0);
  drawLine($(chart), points, rate === undefined ? "Nothing yet" : `${rate.toFixed(1)} ${unit} now`);
}

function modelRow(model) {
  const own = Object.entries(model.classes).map(([name, one]) => [name, one.waiting]);
  const others = Math.max(0, model.depth - own.reduce((sum, [, count]) => sum + count, 0));
  const parts = [...own, ["others", others]];
  const waiting = parts.filter(([, count]) => count).map(([name, count]) => `${count} ${name}`).join(", ") || "none";
  return el("tr", {},
    cell("Model", model.model),
    cell("Mode", state(model.mode)),
    cell("Circuit", state(model.circuit)),
    cell("Workers", String(model.workers), "number"),
    cell("Running", el("span", { class: "gauge" },
      bar([["taken", Math.min(model.running, model.slots)]], model.slots, `${model.running} on ${model.slots} slots`),
      `${model.running} on ${model.slots} slots`)),
    cell("Waiting, by class", el("span", { class: "gauge" }, bar(parts, model.depth, waiting), String(model.depth),
      model.delayed ? ` (${model.delayed} delayed)` : null)),
    cell("Oldest", duration(model.oldest_age_s), "number"));
}

function drawNow(now) {
  remember(now);
  drawRate("tokens", "token-chart", "token-rate", "tokens per second");
  drawRate("jobs", "job-chart", "job-rate", "jobs per second");
  $("models").replaceChildren(...now.models.map(modelRow));
  $("whose").textContent = now.of_all_tenants ? "of all tenants" : "of this tenant";
  $("as-of").textContent = `As of ${new Date(now.at * 1000).toLocaleTimeString()}`;
}

function drawHistogram([key, name], latencies) {
  const values = latencies[key];
  const names = [...BOUNDS.map((bound) => `up to ${duration(bound)}`), `more than ${duration(BOUNDS.at(-1))}`];
  const told = values.length ? `median ${duration(percentile(values, 0.5))}, p95 ${duration(percentile(values, 0.95))}` : "none yet";
  return el("figure", {},
    el("figcaption", {}, `${name} `, el("strong", {}, told)),
    columns(histogram(values, BOUNDS), names, `${name}: ${told}`),
    el("p", { class: "axis", "aria-hidden": "true" }, ...["10 ms", "100 ms", "1 s", "10 s"].map((text) => el("span", {}, text))));
}

function deliveryRow(delivery) {
  const subject = delivery.subject_id.startsWith("job_")
    ? el("a", { href: `/jobs/${delivery.subject_id}` }, delivery.event_type) : delivery.event_type;
  return el("tr", {}, cell("State", state(delivery.status)), cell("Event", subject), cell("To", delivery.url, "wrap"),
    cell("Delivery lag", duration(delivery.lag_s), "number"));
}

function drawLately(lately) {
  $("histograms").replaceChildren(...MEASURES.map((measure) => drawHistogram(measure, lately.latencies)));
  $("measured").textContent = `Of this tenant's last ${lately.latencies.time_to_result_s.length} jobs that ran and succeeded.`;
  $("circuit-rows").replaceChildren(...lately.circuits.map((one) => el("tr", {},
    cell("Circuit", one.key, "wrap"), cell("State", state(one.state)))));
  const deliveries = lately.deliveries ?? [];
  $("delivery-rows").replaceChildren(...deliveries.map(deliveryRow));
  $("no-deliveries").hidden = deliveries.length > 0;
  $("no-deliveries").textContent = lately.deliveries ? "There are none yet." : "This key has no scope webhooks:manage.";
}

/** Whether it is worth while to look again. */
async function look(count) {
  if (document.hidden) return true;
  try {
    drawNow(await json("/status/now.json"));
    if (count % LOOKS_PER_LATELY === 0) drawLately(await json("/status/lately.json"));
    $("problem").replaceChildren();
  } catch (problem) {
    $("as-of").textContent = "";
    showProblem($("problem"), problem);
    return problem.status !== 401;
  }
  return true;
}

for (let count = 0; await look(count); count += 1) {
  await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
