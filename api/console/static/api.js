// Calls of the API with the session of this page.

const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

export class Problem extends Error {
  constructor(body, status) {
    super(body.detail ?? body.title ?? "");
    this.title = body.title ?? `The server answered ${status}.`;
    this.detail = body.detail ?? "";
    this.status = status;
    this.retryable = Boolean(body.retryable);
  }
}

/** The answer to a call; throws a Problem for what is refused, and for an answer that does not come. */
export async function call(path, { method = "GET", body, headers = {}, signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: { "X-CSRF-Token": token, ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: "The server does not answer.", detail: "Is it running? Try again.", retryable: true }, 0);
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new Problem(told, response.status);
}

export async function json(path, options) {
  return (await call(path, options)).json();
}

/** So that a repeat of one request makes one job. */
export function idempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What was refused, in words, where *place* is. */
export function showProblem(place, problem) {
  const box = document.createElement("div");
  box.className = "problem";
  const title = document.createElement("strong");
  const known = problem instanceof Problem;
  title.textContent = known ? problem.title : "This page met an error of its own.";
  box.append(title);
  const detail = known ? problem.detail : String(problem);
  if (detail && detail !== title.textContent) {
    const words = document.createElement("p");
    words.textContent = detail;
    box.append(words);
  }
  if (known && problem.status === 401) {
    const link = document.createElement("a");
    link.href = `/login?to=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = "Log in";
    box.append(link);
  }
  place.replaceChildren(box);
}
