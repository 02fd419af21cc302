// Durations and instants as the server writes them on its pages.

export function duration(seconds) {
  if (seconds === undefined || seconds === null) return "–";
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

/** An instant in the visitor's own time; the date is left out today. */
export function localTime(instant) {
  const isToday = instant.toDateString() === new Date().toDateString();
  return isToday ? instant.toLocaleTimeString() : instant.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
