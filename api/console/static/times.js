// Shows every instant of the page in the visitor's own time.

import { localTime } from "./words.js";

for (const time of document.querySelectorAll("time[datetime]")) {
  time.title = time.textContent;
  time.textContent = localTime(new Date(time.dateTime));
}
