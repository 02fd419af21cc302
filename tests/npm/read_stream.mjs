// Reads the events of a job with npm's eventsource until it is sent away; prints what came and how it ended, as JSON.
import { EventSource } from "eventsource";

const { STREAM_URL, TOKEN } = process.env;
const told = { snapshots: [], ids: [], indexes: [], text: "", finals: [], reconnects: 0 };
const source = new EventSource(STREAM_URL, {
  fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, Authorization: `Bearer ${TOKEN}` } }),
});
source.addEventListener("snapshot", (event) => told.snapshots.push(Number(event.lastEventId)));
source.addEventListener("token", (event) => {
  const { index, text } = JSON.parse(event.data);
  told.ids.push(Number(event.lastEventId));
  told.indexes.push(index);
  told.text += text;
});
source.addEventListener("final", (event) => told.finals.push(JSON.parse(event.data).result.text));
source.addEventListener("error", (event) => {
  if (source.readyState !== EventSource.CLOSED) {
    told.reconnects += 1;
    return;
  }
  console.log(JSON.stringify({ ...told, code: event.code, isClosed: true }));
});
