// The tokens of a job as they come; a stream that is cut off goes on where it was.

import { call, Problem } from "./api.js";

const LONGEST_PAUSE_MS = 5000;

/** Yields {name, data}; ends behind the event `final`. *after* is the index of the last token that the reader has. */
export async function* follow(jobId, { after = -1, signal } = {}) {
  let pause = 250;
  for (;;) {
    try {
      const response = await call(`/v1/jobs/${jobId}/events?after=${after}`, { signal, headers: { Accept: "text/event-stream" } });
      if (response.status === 204) return;
      for await (const event of events(response.body)) {
        pause = 250;
        if (event.name === "token") after = Number(event.id);
        yield event;
        if (event.name === "final") return;
      }
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (error instanceof Problem && !error.retryable) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    signal?.throwIfAborted();
    pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
      }));
      if (fields.data !== undefined) yield { name: fields.event, id: fields.id, data: JSON.parse(fields.data) };
    }
  }
}
