"use strict";

const VERBS = ["post", "get", "patch", "delete"];
const keyField = document.getElementById("key");

function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

// Text with `code` in it.
function prose(text) {
  return (text || "").split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));
}

function paragraphs(text) {
  return (text || "").split("\n\n").filter(Boolean).map((part) => el("p", {}, prose(part)));
}

function plain(text) {
  return el("pre", { class: "code", tabindex: "0" }, text);
}

// Coloured JSON; text that is none stays as it is.
function code(value) {
  if (typeof value === "string") return plain(value);
  const text = JSON.stringify(value, null, 2);
  const block = plain("");
  const token = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  let end = 0;
  for (const match of text.matchAll(token)) {
    block.append(text.slice(end, match.index));
    const [whole, string, colon, word] = match;
    const kind = colon ? "key-name" : string ? "string" : word ? "word" : "number";
    block.append(el("span", { class: kind }, string || whole), colon || "");
    end = match.index + whole.length;
  }
  block.append(text.slice(end));
  return block;
}

function resolver(spec) {
  return function resolve(node) {
    while (node && node.$ref) {
      node = node.$ref.slice(2).split("/").reduce((inner, step) => inner[step], spec);
    }
    return node || {};
  };
}

function kindOf(schema, resolve) {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  const choices = schema.oneOf || schema.anyOf;
  if (choices) return choices.map((one) => kindOf(resolve(one), resolve)).join(" | ");
  const types = [].concat(schema.type || []);
  let kind = types.join(" | ") || "any";
  if (types.includes("array")) kind = "list of " + kindOf(resolve(schema.items), resolve);
  if (schema.format) kind += ", " + schema.format;
  return kind + limits(schema);
}

function limits(schema) {
  const low = schema.exclusiveMinimum ?? schema.minimum ?? schema.minLength ?? schema.minItems;
  const high = schema.maximum ?? schema.maxLength ?? schema.maxItems ?? schema.maxProperties;
  if (low == null && high == null) return "";
  const units = { string: " characters", array: " elements", object: " members" };
  const unit = [].concat(schema.type || []).map((type) => units[type]).find(Boolean) || "";
  const above = schema.exclusiveMinimum !== undefined;
  if (low && high != null) return `, ${low} to ${high}${unit}`;
  if (high != null) return unit || low == null ? `, up to ${high}${unit}` : `, ${above ? "above " : ""}${low} to ${high}`;
  return `, ${above ? "above" : "at least"} ${low}${low === 1 ? unit.slice(0, -1) : unit}`;
}

// The schema of an object that a field holds, in a list or as one of several forms; null if it holds none.
function objectIn(schema, resolve) {
  const forms = [schema, ...(schema.oneOf || []), ...(schema.anyOf || [])].map(resolve);
  for (const form of forms) {
    if (form.properties) return form;
    if (resolve(form.items).properties) return form.items;
  }
  return null;
}

function fields(schema, resolve, depth = 0) {
  schema = resolve(schema);
  const required = schema.required || [];
  const list = el("ul", { class: "fields" });
  for (const [name, member] of Object.entries(schema.properties || {})) {
    const inner = resolve(member);
    const row = el("li", {},
      el("span", { class: "name" }, name),
      el("span", { class: "kind" }, kindOf(inner, resolve)),
      required.includes(name) ? el("span", { class: "must" }, "required") : null);
    if (inner.default !== undefined) row.append(el("span", { class: "kind" }, "default " + inner.default));
    const told = member.description || inner.description;
    if (told) row.append(el("div", { class: "told" }, prose(told)));
    const nested = objectIn(inner, resolve);
    if (nested && depth < 3) row.append(fields(nested, resolve, depth + 1));
    list.append(row);
  }
  return list;
}

function parameterFields(parameters) {
  return el("ul", { class: "fields" }, parameters.map((one) => el("li", {},
    el("span", { class: "name" }, one.name),
    el("span", { class: "kind" }, one.in),
    one.required ? el("span", { class: "must" }, "required") : null,
    one.description ? el("div", { class: "told" }, prose(one.description)) : null)));
}

function answers(operation, resolve) {
  const all = Object.entries(operation.responses || {}).filter(([status]) => status !== "default");
  return el("div", { class: "answers" }, all.map(([status, reference]) => {
    const answer = resolve(reference);
    const body = el("div", { class: "body" });
    if (answer.headers) {
      body.append(el("h4", {}, "Headers"), el("ul", { class: "fields" }, Object.entries(answer.headers).map(
        ([name, header]) => el("li", {}, el("span", { class: "name" }, name),
          el("div", { class: "told" }, prose(resolve(header).description))))));
    }
    for (const [media, content] of Object.entries(answer.content || {})) {
      const example = content.example ?? Object.values(content.examples || {}).map((one) => one.value)[0];
      if (!reference.$ref && example !== undefined) body.append(code(example));
      body.append(el("h4", {}, media), fields(content.schema, resolve));
    }
    return el("details", {}, el("summary", {},
      el("span", { class: "status s" + status[0] }, status), prose(answer.description)), body);
  }));
}

function curlOf(request) {
  const quote = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
  const lines = [`curl -X ${request.method} ${quote(location.origin + request.path)}`];
  for (const [name, value] of Object.entries(request.headers)) {
    lines.push(name === "Authorization" ? '-H "Authorization: Bearer $TRUTHGPT_API_TOKEN"' : `-H ${quote(`${name}: ${value}`)}`);
  }
  if (request.body) lines.push(`-d ${quote(request.body)}`);
  return lines.join(" \\\n  ");
}

// Events as they come.
async function showStream(response, output) {
  const block = plain("");
  output.replaceChildren(el("p", { class: "status s2" }, String(response.status)), block);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) block.append(piece.value);
}

function trial(path, verb, operation, parameters, resolve) {
  const inputs = parameters.map((parameter) => {
    const choices = resolve(parameter.schema).enum;
    const field = choices
      ? el("select", {}, el("option", { value: "" }, ""), choices.map((one) => el("option", {}, one)))
      : el("input", { placeholder: parameter.example || "", spellcheck: "false" });
    return { parameter, field };
  });
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  let body = null;
  if (content) {
    const examples = Object.values(content.examples || {}).map((one) => one.value);
    const example = content.example || examples[0] || {};
    body = el("textarea", { spellcheck: "false", "aria-label": "Body" });
    body.value = JSON.stringify(example, null, 2);
  }
  const output = el("div", { "aria-live": "polite" });

  function request() {
    const query = new URLSearchParams();
    const headers = {};
    let address = path;
    for (const { parameter, field } of inputs) {
      const value = field.value.trim();
      if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(value));
      else if (value && parameter.name === "metadata.KEY") {
        const [key, ...rest] = value.split("=");
        query.set("metadata." + key, rest.join("="));
      } else if (value && parameter.in === "query") query.set(parameter.name, value);
      else if (value && parameter.in === "header") headers[parameter.name] = value;
    }
    if (keyField.value) headers.Authorization = "Bearer " + keyField.value;
    if (body) headers["Content-Type"] = "application/json";
    const search = query.toString();
    return { method: verb.toUpperCase(), path: address + (search ? "?" + search : ""), headers, body: body && body.value };
  }

  async function send(event) {
    const button = event.currentTarget;
    const asked = request();
    button.disabled = true;
    output.replaceChildren(el("p", { class: "note" }, "Waiting…"));
    const begun = performance.now();
    try {
      const response = await fetch(asked.path, { method: asked.method, headers: asked.headers, body: asked.body || undefined });
      if ((response.headers.get("content-type") || "").startsWith("text/event-stream")) {
        await showStream(response, output);
        return;
      }
      const text = await response.text();
      const told = ["location", "retry-after", "etag", "preference-applied", "idempotency-replayed", "link", "www-authenticate"]
        .filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
      let shown = text;
      try { shown = JSON.parse(text); } catch { /* not JSON: shown as it is */ }
      output.replaceChildren(
        el("p", {}, el("span", { class: "status s" + String(response.status)[0] }, String(response.status)),
          ` ${response.statusText} `, el("span", { class: "note" }, `${Math.round(performance.now() - begun)} ms`)),
        told.length ? plain(told.join("\n")) : null,
        text ? code(shown) : null);
    } catch (error) {
      output.replaceChildren(el("p", { class: "status s5" }, "No answer: " + error.message));
    } finally {
      button.disabled = false;
    }
  }

  return el("div", { class: "trial" },
    el("h4", {}, "Try it"),
    inputs.map(({ parameter, field }) => el("label", { class: "row" },
      parameter.name === "metadata.KEY" ? "metadata (KEY=VALUE)" : parameter.name, field)),
    body,
    el("div", { class: "actions" },
      el("button", { type: "button", onclick: send }, "Send"),
      el("button", { type: "button", class: "quiet", onclick: () => output.replaceChildren(code(curlOf(request()))) }, "As curl"),
      el("span", { class: "note" }, neededKey(operation["x-scope"]))),
    output);
}

function neededKey(scope) {
  if (!scope) return "needs no key";
  return scope.includes(":") || scope === "admin" ? `needs a key with the scope ${scope}` : `needs ${scope}`;
}

function section(path, verb, operation, shared, resolve) {
  const parameters = [...shared, ...(operation.parameters || [])].map(resolve);
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  return el("details", { class: "operation", id: operation.operationId },
    el("summary", {},
      el("span", { class: "verb " + verb }, verb.toUpperCase()),
      el("span", { class: "path" }, path),
      el("span", { class: "summary" }, operation.summary)),
    el("div", { class: "inside" },
      el("div", {},
        paragraphs(operation.description),
        parameters.length ? [el("h4", {}, "Parameters"), parameterFields(parameters)] : null,
        content ? [el("h4", {}, "Body"), fields(content.schema, resolve)] : null,
        el("h4", {}, "Answers"), answers(operation, resolve)),
      trial(path, verb, operation, parameters, resolve)));
}

function draw(spec) {
  const resolve = resolver(spec);
  document.getElementById("version").textContent = spec.info.version;
  document.getElementById("description").textContent = spec.info.description;
  document.getElementById("first-request").replaceWith(code(curlOf({
    method: "POST", path: "/v1/infer", headers: { Authorization: "", "Content-Type": "application/json" },
    body: JSON.stringify({ prompt: "To be, or not", max_tokens: 64 }) })));
  const contents = document.getElementById("contents");
  const main = document.getElementById("operations");
  for (const tag of spec.tags) {
    contents.append(el("h3", {}, tag.name));
    main.append(el("h2", { id: "tag-" + tag.name }, tag.name[0].toUpperCase() + tag.name.slice(1)), el("p", {}, tag.description));
    for (const [path, item] of Object.entries(spec.paths)) {
      for (const verb of VERBS.filter((one) => item[one] && item[one].tags.includes(tag.name))) {
        main.append(section(path, verb, item[verb], item.parameters || [], resolve));
        contents.append(el("a", { href: "#" + item[verb].operationId },
          el("span", { class: "verb " + verb }, verb.toUpperCase()), item[verb].summary));
      }
    }
  }
  drawProblems(spec["x-problems"] || [], contents);
}

function drawProblems(problems, contents) {
  const table = document.getElementById("problems");
  table.querySelector("tbody").append(...problems.map((one) => el("tr", { id: "problem-" + one.slug },
    el("td", {}, el("span", { class: "status s" + String(one.status)[0] }, String(one.status))),
    el("td", {}, el("code", {}, "/problems/" + one.slug)), el("td", {}, one.title), el("td", {}, one.retryable ? "yes" : "no"))));
  table.hidden = false;
  contents.append(el("h3", {}, "reference"), el("a", { href: "#problems" }, "Problems"));
}

function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.tagName === "DETAILS") target.open = true;
  target.scrollIntoView();
}

document.getElementById("key-form").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", openTarget);
fetch("/openapi.json").then((response) => response.json()).then(draw).then(openTarget).catch((error) => {
  document.getElementById("operations").append(el("p", { class: "status s5" }, "openapi.json could not be drawn: " + error.message));
});
